//! What the tree of a document is, what does not parse, and that nothing expands.

use super::*;

fn tree(text: &str) -> String {
    canonical(text, 10_000).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn elements_attributes_and_text() {
    for (text, expected) in [
        ("<a/>", r#"{"a":[]}"#),
        ("<a></a >", r#"{"a":[]}"#),
        ("<?xml version='1.0'?>\n<a b = '1' c=\"2\"/>\n", r#"{"a":[],"a@b":"1","a@c":"2"}"#),
        ("<a>x<!-- c -->y<![CDATA[<z>]]>&amp;&#x41;&#66;</a>", r#"{"a":["xy<z>&AB"]}"#),
        ("<a>\r\nx\ry</a>", r#"{"a":["\u000ax\u000ay"]}"#),
        ("<a b='x\r\n\ty&#10;&quot;'/>", r#"{"a":[],"a@b":"x  y\u000a\""}"#),
        ("<a> <b/> </a>", r#"{"a":[{"b":[]}]}"#),
        ("<a> </a>", r#"{"a":[" "]}"#),
        ("<a>x <b/> </a>", r#"{"a":["x ",{"b":[]}," "]}"#),
        ("<a xml:space='preserve'> <b> <c/></b></a>", r#"{"a":[" ",{"b":[" ",{"c":[]}]}],"a@xml:space":"preserve"}"#),
        (
            "<a xml:space='preserve'><b xml:space='default'> <c/></b></a>",
            r#"{"a":[{"b":[{"c":[]}],"b@xml:space":"default"}],"a@xml:space":"preserve"}"#,
        ),
        ("<a>x<?p  q r?>y</a>", r#"{"a":["x",{"?p":"q r"},"y"]}"#),
        ("<?s 1?><a/><?t?>", r#"{"a":[],"?before":[{"?s":"1"}],"?after":[{"?t":""}]}"#),
        ("<!DOCTYPE  a  SYSTEM 'a.dtd'><a/>", r#"{"!DOCTYPE":"a SYSTEM 'a.dtd'","a":[]}"#),
        ("<!DOCTYPE a [<!ELEMENT a ANY>]><a/>", r#"{"!DOCTYPE":"a [<!ELEMENT a ANY>]","a":[]}"#),
        ("<é>ü</é>", "{\"é\":[\"ü\"]}"),
    ] {
        assert_eq!(tree(text), expected, "{text}");
    }
}

#[test]
fn prefixes_stand_for_name_spaces() {
    let expected = r#"{"a":[{"b":[{"c":[],"c@xmlns":""}]}],"a@xmlns":"urn:x"}"#;
    assert_eq!(tree("<a xmlns='urn:x'><b><c xmlns=''/></b></a>"), expected);
    assert_eq!(tree("<p:a xmlns:p='urn:x' xmlns:q='urn:x'><q:b><c/></q:b></p:a>"), expected);
    assert_eq!(
        tree("<a xmlns:p='urn:x' xmlns:l='http://www.w3.org/1999/xlink' p:b='1' b='2' l:href='3' xml:lang='4'/>"),
        r#"{"a":[],"a@b":"2","a@xlink:href":"3","a@xml:lang":"4","a@{urn:x}b":"1"}"#
    );
    // what a prefix stands for ends with its element
    assert_eq!(
        tree("<a><p:b xmlns:p='urn:x'/><p:b xmlns:p='urn:y'/></a>"),
        r#"{"a":[{"b":[],"b@xmlns":"urn:x"},{"b":[],"b@xmlns":"urn:y"}]}"#
    );
}

#[test]
fn what_is_no_xml_does_not_parse() {
    for text in [
        "",
        " ",
        "x",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a/>&lt;",
        "<a b/>",
        "<a b=1/>",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a b='&'/>",
        "<a b='&x;'/>",
        "<a>&</a>",
        "<a>& </a>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#+65;</a>",
        "<a>\0</a>",
        "<a>\u{1}</a>",
        "<a>]]></a>",
        "<a><!-- -- --></a>",
        "<a><!--",
        "<a><![CDATA[",
        "<1a/>",
        "<a:/>",
        "<:a/>",
        "<a:b:c/>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xml='urn:x'/>",
        "<a xmlns:xmlns='urn:x'/>",
        "<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='1' q:b='2'/>",
        " <?xml version='1.0'?><a/>",
        "<a/><?xml version='1.0'?>",
        "<a/><!DOCTYPE a>",
        "<!DOCTYPE a><!DOCTYPE a><a/>",
        "<a b='1'></a b='1'>",
        "<p>un<br>closed</p>",
    ] {
        assert!(matches!(canonical(text, 10_000), Err(ParseError::Syntax { .. })), "{text}: {:?}", canonical(text, 9));
    }
}

#[test]
fn nothing_expands_and_nothing_takes_long() {
    let bomb = "<!DOCTYPE l [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;'>]><l>&b;</l>";
    let message = "a declaration of entities, which is refused";
    assert_eq!(canonical(bomb, 9), Err(ParseError::Syntax { offset: 0, message }));
    for parameter in ["<!DOCTYPE l [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><l/>", "<!DOCTYPE l [%p;]><l/>"] {
        assert!(matches!(canonical(parameter, 9), Err(ParseError::Syntax { .. })));
    }
    let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    assert!(canonical(&deep(10_000), 10_000).is_ok());
    assert!(matches!(canonical(&deep(10_001), 10_000), Err(ParseError::TooDeep { limit: 10_000, .. })));
    let attributes: String = (0..200_000).map(|n| format!(" a{n}='1'")).collect();
    assert!(canonical(&format!("<a{attributes}/>"), 9).is_ok());
    let spaces: String = (0..50_000).map(|n| format!(" xmlns:p{n}='urn:{n}'")).collect();
    assert!(canonical(&format!("<a{spaces}>{}</a>", "<p49999:b p0:c='1'/>".repeat(20_000)), 9).is_ok());
    let long = format!("<{}{}/>", "x".repeat(100_000), (0..1_000).map(|n| format!(" a{n}=''")).collect::<String>());
    assert_eq!(canonical(&long, 9), Err(ParseError::TooLarge));
}

//! What the tree of a page is, and what is refused.

use super::*;

fn page(text: &str) -> String {
    let text = canonical(text, false, 10_000).unwrap();
    let body = text.split_once("{\"body\":").map_or(text.as_str(), |(_, body)| body);
    body.trim_end_matches("}]}").to_owned()
}

fn part(text: &str) -> String {
    canonical(text, true, 10_000).unwrap()
}

#[test]
fn a_page() {
    let text = "<!DOCTYPE html>\n<html lang=en>\n <head><title> a\n b </title></head>\n<body class=' x  y '>\
                <!-- c --><p>1 &lt; 2<br>\n3</p>\n</body>\n</html>";
    assert_eq!(
        canonical(text, false, 9).unwrap(),
        r#"{"doctype":"html","html":[{"head":[{"title":["a b"]}]},{"body":[{"p":["1 < 2",{"br":[]},"3"]}],"body@class":"x y"}],"html@lang":"en"}"#
    );
}

#[test]
fn white_space_is_what_a_line_shows() {
    for (text, tree) in [
        ("<p> a  b </p> <p>c</p>", r#"[{"p":["a b"]},{"p":["c"]}]"#),
        ("<b>a</b> <i>b</i>", r#"[{"b":["a"]}," ",{"i":["b"]}]"#),
        ("<b>a</b><i>b</i>", r#"[{"b":["a"]},{"i":["b"]}]"#),
        ("<p>a <b> b </b> c</p>", r#"[{"p":["a ",{"b":["b "]},"c"]}]"#),
        ("<p>a <b></b> c</p>", r#"[{"p":["a ",{"b":[]},"c"]}]"#),
        ("a <img> b", r#"["a ",{"img":[]}," b"]"#),
        ("<div>a <p>b</p> c</div>", r#"[{"div":["a",{"p":["b"]},"c"]}]"#),
        ("<p>x <b>y </b></p>", r#"[{"p":["x ",{"b":["y"]}]}]"#),
        ("<button> a </button> b", r#"[{"button":["a"]}," b"]"#),
        ("a <script>x</script> b", r#"["a ",{"script":["x"]},"b"]"#),
        ("a <input type=HIDDEN> b", r#"["a ",{"input":[],"input@type":"HIDDEN"},"b"]"#),
        ("a<!-- -->b", r#"["ab"]"#),
        ("a <!-- --> b", r#"["a b"]"#),
        ("<pre>\n a\n  <b> b</b>\n</pre>", r#"[{"pre":[" a\u000a  ",{"b":[" b"]},"\u000a"]}]"#),
        ("<textarea>\n\n a </textarea>", r#"[{"textarea":["\u000a a "]}]"#),
        ("<ul> <li>a</li> <li>b</li> </ul>", r#"[{"ul":[{"li":["a"]},{"li":["b"]}]}]"#),
        ("a\u{a0} b", "[\"a\u{a0} b\"]"),
        ("<svg> <path/> <text> a  b </text> </svg>", r#"[{"svg":[{"path":[]},{"text":["a b"]}]}]"#),
    ] {
        assert_eq!(part(text), tree, "{text}");
    }
}

#[test]
fn attributes_mean_what_they_mean() {
    for (text, tree) in [
        ("<a b=1 A=2 b=3>", r#"[{"a":[],"a@a":"2","a@b":"1"}]"#),
        ("<input checked=checked disabled>", r#"[{"input":[],"input@checked":"","input@disabled":""}]"#),
        ("<x-y checked=checked>", r#"[{"x-y":[],"x-y@checked":"checked"}]"#),
        ("<p hidden=Until-Found><p hidden=1>", r#"[{"p":[],"p@hidden":"until-found"},{"p":[],"p@hidden":""}]"#),
        ("<p class='b  a '>", r#"[{"p":[],"p@class":"b a"}]"#),
        ("<p title='b  a '>", r#"[{"p":[],"p@title":"b  a "}]"#),
        ("<svg><a xlink:href=x viewbox=y></a></svg>", r#"[{"svg":[{"a":[],"a@viewBox":"y","a@xlink:href":"x"}]}]"#),
    ] {
        assert_eq!(part(text), tree, "{text}");
    }
}

#[test]
fn name_spaces_are_told_where_they_surprise() {
    for (text, tree) in [
        ("<svg><title>a</title></svg>", r#"[{"svg":[{"title":["a"]}]}]"#),
        ("<svg><foreignObject><p>a", r#"[{"svg":[{"foreignObject":[{"p":["a"],"p@NAMESPACE":"html"}]}]}]"#),
        ("<math><mi>x</mi></math>", r#"[{"math":[{"mi":["x"]}]}]"#),
    ] {
        assert_eq!(part(text), tree, "{text}");
    }
}

#[test]
fn what_browsers_make_of_it() {
    assert_eq!(part("<template><tr><td>a</template>"), r#"[{"template":[{"tr":[{"td":["a"]}]}]}]"#);
    assert_eq!(part("<table><tr><td>a"), part("<table><tbody><tr><td>a</td></tr></tbody></table>"));
    assert_eq!(part("<table>x<tr><td>a"), r#"["x",{"table":[{"tbody":[{"tr":[{"td":["a"]}]}]}]}]"#);
    assert_eq!(part("<p>a<div>b</p>"), r#"[{"p":["a"]},{"div":["b",{"p":[]}]}]"#);
    assert_eq!(part("<b>1<p>2</b>3</p>"), r#"[{"b":["1"]},{"p":[{"b":["2"]},"3"]}]"#);
    assert_eq!(part("<noscript> <p> </noscript>"), r#"[{"noscript":[" <p> "]}]"#);
    assert_eq!(page("<html a=1><html a=2 b=3><body>x"), r#"["x"]}],"html@a":"1","html@b":"3"}"#);
    assert_eq!(page("a\0b"), r#"["ab"]"#);
    assert_eq!(
        canonical("<frameset><frame src=a>", false, 9).unwrap(),
        r#"{"html":[{"head":[]},{"frameset":[{"frame":[],"frame@src":"a"}]}]}"#
    );
    assert_eq!(canonical("", false, 9).unwrap(), r#"{"html":[{"head":[]},{"body":[]}]}"#);
    assert_eq!(part(""), "[]");
}

#[test]
fn parts_keep_the_tags_of_tables() {
    assert_eq!(part("<tr class=a><td>x</td></tr>"), r#"[{"tr":[{"td":["x"]}],"tr@class":"a"}]"#);
    assert_eq!(part("<td>x<td>y"), r#"[{"td":["x"]},{"td":["y"]}]"#);
    for (text, is) in [
        ("<tr>", true),
        ("", true),
        ("x <html>", true),
        ("<header>x", true),
        ("<html-x>", true),
        ("\n<!-- a --> <!-- b --><!DocType html>", false),
        ("<HTML>", false),
        ("<body class=x>", false),
        ("<head\n>", false),
    ] {
        assert_eq!(is_part(text), is, "{text}");
    }
}

#[test]
fn doctypes_in_one_spelling() {
    let doctype = |text: &str| {
        let text = canonical(text, false, 9).unwrap();
        text.strip_prefix(r#"{"doctype":""#).and_then(|rest| rest.split("\",\"html\"").next()).map(str::to_owned)
    };
    assert_eq!(doctype("<!DOCTYPE HTML>").as_deref(), Some("html"));
    assert_eq!(doctype("<p>"), None);
    assert_eq!(
        doctype("<!doctype html PUBLIC '-//W3C//DTD HTML 4.01//EN' \"http://w3\">").as_deref(),
        Some(r#"html public \"-//W3C//DTD HTML 4.01//EN\" system \"http://w3\""#)
    );
}

#[test]
fn no_text_takes_long_or_breaks_it() {
    let many = |text: &str, n: usize| text.repeat(n);
    assert!(matches!(canonical(&many("<div>", 10_000), true, 10_000), Err(ParseError::TooDeep { limit: 1_000, .. })));
    assert!(matches!(canonical("<a><b>", true, 1), Err(ParseError::TooDeep { limit: 1, .. })));
    assert!(canonical(&many("<div>", 900), true, 10_000).is_ok());
    // formatting elements that each paragraph makes again
    let formatting: String = (0..900).map(|n| format!("<b a{n}>")).collect();
    assert_eq!(canonical(&format!("<p>{formatting}{}", many("<p>x", 50_000)), true, 10_000), Err(ParseError::TooLarge));
    let attributes: String = (0..200_000).map(|n| format!(" a{n}")).collect();
    assert_eq!(canonical(&format!("<a{attributes}>"), true, 10_000), Err(ParseError::TooLarge));
    assert_eq!(canonical(&format!("<a{attributes}"), true, 10_000), Err(ParseError::TooLarge));
    let bodies: String = (0..20_000).map(|n| format!("<body a{n}>")).collect();
    assert_eq!(canonical(&bodies, false, 10_000), Err(ParseError::TooLarge));
    // a long name for every attribute
    let long = format!("<{} {}>", many("x", 100_000), (0..1_000).map(|n| format!("a{n} ")).collect::<String>());
    assert_eq!(canonical(&long, true, 10_000), Err(ParseError::TooLarge));
    // a page may have all of it in measure
    let value = format!("<img src='data:{}' alt=x>", many("a b=\"c\" / ", 50_000));
    assert!(canonical(&value, true, 10_000).is_ok());
    let spans = many("<b>x</b> <i>y</i> ", 20_000);
    assert!(canonical(&spans, true, 10_000).is_ok());
    for text in
        ["<", "</", "<!", "<!-", "<a b=\"", "&#x110000;&#0;&am", "]]>", "<?php ?>", "\u{feff}<p>", "<plaintext><p>"]
    {
        canonical(text, true, 9).unwrap();
        canonical(text, false, 9).unwrap();
    }
}

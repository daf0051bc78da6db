//! What the elements and attributes of HTML are, as far as white space and equality depend on it (the style sheet of the
//! standard, https://html.spec.whatwg.org/multipage/rendering.html).

use html5ever::{QualName, ns};

/// How an element stands in the flow of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Within a line: white space around it and in it belongs to the line.
    Inline,
    /// A thing in the line, with a flow of its own inside.
    Atomic,
    /// Starts and ends a line.
    Block,
    /// Not shown: the line goes on as if it were not there.
    Hidden,
}

/// An element's flow, and whether its white space is kept as it is.
pub(super) fn flow(name: &QualName, hidden_input: bool) -> (Flow, bool) {
    let local = &*name.local;
    if name.ns != ns!(html) {
        return match local {
            "svg" | "math" => (Flow::Atomic, false),
            "script" | "style" => (Flow::Hidden, true),
            "tspan" | "textPath" | "a" => (Flow::Inline, false),
            _ => (Flow::Block, false),
        };
    }
    match local {
        "pre" | "listing" | "plaintext" | "xmp" => (Flow::Block, true),
        "textarea" | "iframe" => (Flow::Atomic, true),
        "script" | "style" | "noscript" | "noembed" | "noframes" => (Flow::Hidden, true),
        "area" | "base" | "basefont" | "bgsound" | "datalist" | "head" | "link" | "meta" | "param" | "rp"
        | "source" | "template" | "title" | "track" => (Flow::Hidden, false),
        "input" if hidden_input => (Flow::Hidden, false),
        "audio" | "button" | "canvas" | "embed" | "img" | "input" | "keygen" | "marquee" | "meter" | "object"
        | "progress" | "select" | "video" => (Flow::Atomic, false),
        "address" | "article" | "aside" | "blockquote" | "body" | "br" | "caption" | "center" | "col" | "colgroup"
        | "dd" | "details" | "dialog" | "dir" | "div" | "dl" | "dt" | "fieldset" | "figcaption" | "figure"
        | "footer" | "form" | "frame" | "frameset" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "hgroup"
        | "hr" | "html" | "legend" | "li" | "main" | "menu" | "nav" | "ol" | "optgroup" | "option" | "p" | "search"
        | "section" | "summary" | "table" | "tbody" | "td" | "tfoot" | "th" | "thead" | "tr" | "ul" => {
            (Flow::Block, false)
        }
        _ => (Flow::Inline, false),
    }
}

/// An attribute's value as far as it means something.
pub(super) fn value(element: &QualName, attribute: &QualName, value: &str) -> String {
    let is_html = element.ns == ns!(html) && !element.local.contains('-') && attribute.ns == ns!();
    match &*attribute.local {
        // a list of names; their order is kept, since selectors on the attribute's text see it
        "class" | "rel" => value.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        "hidden" if is_html => if value.eq_ignore_ascii_case("until-found") { "until-found" } else { "" }.to_owned(),
        name if is_html && BOOLEAN.contains(&name) => String::new(),
        _ => value.to_owned(),
    }
}

/// Attributes that are there or not, whatever their value.
const BOOLEAN: &[&str] = &[
    "allowfullscreen",
    "async",
    "autofocus",
    "autoplay",
    "checked",
    "compact",
    "controls",
    "default",
    "defer",
    "disabled",
    "disablepictureinpicture",
    "disableremoteplayback",
    "formnovalidate",
    "inert",
    "ismap",
    "itemscope",
    "loop",
    "multiple",
    "muted",
    "nomodule",
    "noresize",
    "noshade",
    "novalidate",
    "nowrap",
    "open",
    "playsinline",
    "readonly",
    "required",
    "reversed",
    "selected",
];

//! A rule as the config spells it, validated but not compiled.

use crate::document::Media;
use std::sync::Arc;

/// Which sides a rule acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SideChoice {
    /// The monolith's value only.
    Primary,
    /// The new API's value only.
    Candidate,
    /// Both.
    Both,
}

/// What both values must look like (`shape = …`): volatile, not invisible.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A UUID in its usual spelling.
    Uuid,
    /// A timestamp with date and time.
    Timestamp,
    /// A JSON number.
    Number,
    /// A string that this regex matches as a whole.
    Pattern(String),
    /// Anything of the same JSON type.
    SameType,
}

/// `number = { abs, rel, string, spelling }`: exact decimals as text; either suffices; numbers only; `rel` never across zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct NumberTolerance {
    /// Absolute tolerance, decimal text.
    pub abs: Option<String>,
    /// Relative tolerance, decimal text.
    pub rel: Option<String>,
    /// A string that spells a number exactly as JSON does is that number.
    pub string: bool,
    /// The spelling counts too: `1` is not `1.0`. Nothing else then.
    pub spelling: bool,
}

/// `rewrite = { pattern, with, side }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// A regex over the string value.
    pub pattern: String,
    /// The replacement, `$1` for groups.
    pub with: String,
    /// Which sides it acts on.
    pub side: SideChoice,
}

/// `fallback = { side, from, chars, suffix, strip_html }`: an empty, null or absent value of that side is replaced by one
/// made from `from` on the same side, then compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fallback {
    /// Whose emptiness is filled; never both, since an empty value on the other side is a mismatch.
    pub side: SideChoice,
    /// A path from the same parent object or from the root (`$.content`).
    pub from: String,
    /// Unicode code points taken; all when absent.
    pub chars: Option<usize>,
    /// Appended after the cut (always, as the seed's view does).
    pub suffix: String,
    /// Remove tags before cutting.
    pub strip_html: bool,
}

/// `error_body = [404, …]`: for these statuses only status and content type are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorBody {
    /// The statuses, equal on both sides.
    pub statuses: Vec<u16>,
}

/// `url = { ignore, hosts }`: what two URLs may differ in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct UrlRule {
    /// Scheme, host and port.
    pub origin: bool,
    /// A slash at the end of the path.
    pub trailing_slash: bool,
    /// The order of query pairs of different names.
    pub query_order: bool,
    /// Where the origin does not count: the hosts (`host` or `host:port`, lower case) that may stand there; any when empty.
    pub hosts: Vec<String>,
}

/// `text = ["trim", …]`: what two strings may differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextMode {
    /// ASCII whitespace at both ends.
    Trim,
    /// Runs of ASCII whitespace are one blank.
    Collapse,
    /// Upper and lower case.
    Case,
    /// Unicode normalisation form C.
    Nfc,
    /// Carriage returns before line feeds.
    Crlf,
}

/// `decode = "json"` or a list: how a string's content is to be read, from the outside in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Base64, either alphabet, padded or not, line ends allowed.
    Base64,
    /// A gzip member.
    Gzip,
    /// A JSON document; comes last.
    Json,
}

/// `rename = { from, to }`: one member that the sides call by different names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rename {
    /// The monolith's name.
    pub from: String,
    /// The new API's name.
    pub to: String,
}

/// How far ids map one to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum IdScope {
    /// Over one document.
    #[default]
    Document,
    /// Over one client's session too.
    Session,
    /// Over all that is compared in one run too.
    Run,
}

impl IdScope {
    /// Every scope, the narrowest first.
    pub const ALL: [IdScope; 3] = [IdScope::Document, IdScope::Session, IdScope::Run];
    /// The word used in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            IdScope::Document => "document",
            IdScope::Session => "session",
            IdScope::Run => "run",
        }
    }
}

/// `same_id = { space, scope }`: both sides name the same things, each in its own way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SameId {
    /// What is named: rules of one space share one map.
    pub space: String,
    /// How far the map reaches.
    pub scope: IdScope,
}

/// `set_cookie = { primary, candidate, cleared_by }`: one cookie that the sides call by different names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetCookie {
    /// The monolith's name of it.
    pub primary: String,
    /// The new API's name of it.
    pub candidate: String,
    /// The side that may take its own cookie away while the other says nothing; never both.
    pub cleared_by: Option<SideChoice>,
}

/// What a rule does. One file a kind in this folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// The node and what is below it are not compared; needs a reason.
    Ignore,
    /// Both must look like this.
    Shape(Shape),
    /// Both name the same instant, within so many microseconds.
    Timestamp {
        /// Tolerance.
        within_us: u64,
    },
    /// Numbers equal within a tolerance.
    Number(NumberTolerance),
    /// An array is a multiset.
    Unordered,
    /// An array is a set: an element counts once, however often it stands there.
    Set,
    /// Elements are matched by these members (paths relative to the element), order ignored.
    Key(Vec<String>),
    /// A regex replacement before comparing.
    Rewrite(Rewrite),
    /// A computed default on one side.
    Fallback(Fallback),
    /// A member that only the candidate has is allowed.
    Added,
    /// Two URLs that differ in what the rule names alone.
    Url(UrlRule),
    /// Two strings that differ in what the rule names alone.
    Text(Vec<TextMode>),
    /// Two strings that hold the same content in another wrapping.
    Decode(Vec<Codec>),
    /// No member and a null one are the same.
    AbsentIsNull {
        /// So are `""`, `[]` and `{}`.
        empty: bool,
    },
    /// A member of this object has another name at the candidate.
    Rename(Rename),
    /// Values differ but map one to one.
    SameId(SameId),
    /// Error bodies are not compared.
    ErrorBody(ErrorBody),
    /// Two cookies are compared as one.
    SetCookie(SetCookie),
    /// Bodies are read as this, whatever their Content-Type says.
    Body(Media),
}

/// One rule of the config.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleSpec {
    /// Its name: unique within a route's rules.
    pub name: Arc<str>,
    /// An RFC 9535 subset: `$`, names, `['…']`, indices, `*`, `..`. `None` for kinds that act on the whole answer.
    pub path: Option<String>,
    /// What it does.
    pub kind: RuleKind,
    /// Why it exists.
    pub reason: Option<String>,
    /// The last day on which it holds, days since the Unix epoch; an expired rule no longer acts and is reported. The config
    /// leaves expired rules out of a compiled set, since the judge has no clock.
    pub until_day: Option<i64>,
    /// True when declared for one route, false for every route: the route's own is the more specific.
    pub of_route: bool,
}

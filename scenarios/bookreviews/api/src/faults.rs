//! Mistakes that real rewrites make, switched on by `--fault NAME` and made in one place each. What each must look like to
//! whoever compares the two sides is written down in `../faults.toml`.

use clap::ValueEnum;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// The summary's fallback is cut at 50 bytes and not at 50 characters (document.rs)
    SummaryByBytes,
    /// The summary falls back when it is null, but not when it is empty (document.rs)
    SummaryOnlyNull,
    /// The summary's fallback lacks the dots (document.rs)
    SummaryNoDots,
    /// A display name never chosen stays empty instead of the user name (document.rs)
    NameNoFallback,
    /// The link to a book's reviews loses the dashes of its ISBN (document.rs)
    LinkLosesDashes,
    /// Stars are sent as a string (document.rs)
    StarsAsString,
    /// The archive id passes through a double (document.rs)
    ArchiveIdAsDouble,
    /// The writer's UTC offset becomes Z, the clock reading stays (document.rs)
    OffsetLost,
    /// `helpful` is forgotten (document.rs)
    FieldDropped,
    /// A reviewer whose account was erased becomes an object without a name instead of null (document.rs)
    ErasedReviewerAsObject,
    /// Listings are in reverse order within a page (paging.rs)
    ListReversed,
    /// A full page is one short (paging.rs)
    PageShortByOne,
    /// The first of a page comes again at its end (paging.rs)
    DuplicateInList,
    /// The last page has no `next` instead of a null one (paging.rs)
    NextAbsent,
    /// `next` and `previous` name a host of the inner network (paging.rs)
    NextWrongHost,
    /// What is not found is answered with 200 and the error's text (answer.rs)
    #[value(name = "not-found-as-200")]
    NotFoundAs200,
    /// Who must log in is answered with 200 and the error's text (answer.rs)
    #[value(name = "unauthenticated-as-200")]
    UnauthenticatedAs200,
    /// A review is asked for as a staff member, so that anybody reads every draft (reviews.rs)
    DraftLeaked,
    /// One review in eighteen takes eight seconds (reviews.rs)
    Slow,
    /// One review in eighteen stops in the middle of its body and stays open (reviews.rs)
    HangInBody,
    /// One review in eighteen ends with a reset connection in the middle of its body (reviews.rs)
    ResetInBody,
    /// A book's reviews are sent as text/plain (reviews.rs)
    WrongContentType,
    /// `Cache-Control: no-store` of a reviewer's reviews is forgotten (reviews.rs)
    NoStoreLost,
    /// `X-Content-Type-Options` is forgotten (answer.rs)
    NosniffLost,
    /// A missing slash is redirected to a host of the inner network (routes.rs)
    RedirectWrongHost,
    /// The session cookie of a log-in may be read by scripts (accounts.rs)
    CookieNotHttpOnly,
    /// The name alone logs in, whatever the password (accounts.rs)
    PasswordUnchecked,
    /// A deleted account still logs in (accounts.rs)
    DeletedAccountLogsIn,
    /// Who logged in is nobody to `whoami` (accounts.rs)
    SessionLost,
    /// `whoami` keeps its first answer to somebody and gives it to everybody who is logged in (accounts.rs)
    AnswerCachedForAnother,
    /// A review is asked for as nobody, so that writers lose their own drafts (reviews.rs)
    CallerForgotten,
    /// Whoever is logged in reads the drafts of the others (reviews.rs)
    AnothersDraftVisible,
    /// Staff is refused the drafts of the others (reviews.rs)
    StaffNotKnown,
    /// The second of the best rated books has the name of the first (books.rs)
    UrnOfAnotherBook,
}

/// The mistakes that are switched on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults(u64);

impl Faults {
    /// These are on.
    pub(crate) fn new(faults: &[Fault]) -> Faults {
        Faults(faults.iter().fold(0, |bits, fault| bits | 1 << *fault as u64))
    }

    /// Whether this one is.
    pub(crate) fn on(self, fault: Fault) -> bool {
        self.0 & 1 << fault as u64 != 0
    }
}

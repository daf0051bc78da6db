//! Who asks, as far as the request proves it.

use crate::App;
use crate::answer::Refusal;
use crate::internal::Caller;
use crate::sessions::{self, Role, Session};
use http::{HeaderMap, HeaderValue};

/// From this step on the user travels to the internal APIs.
const TRAVELS: u8 = 3;
/// From this step on clients come here without having been at the monolith's door first: its session is exchanged here.
const BRIDGED: u8 = 6;

/// The caller of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    /// As the internal APIs are told.
    pub(crate) caller: Caller,
    /// Whether the session says so; the internal APIs judge by the user alone.
    pub(crate) staff: bool,
}

impl Asker {
    /// Nobody in particular.
    pub(crate) const ANONYMOUS: Asker = Asker { caller: Caller::Anonymous, staff: false };

    fn of(session: Session) -> Asker {
        Asker { caller: Caller::User(session.user), staff: session.role == Role::Staff }
    }
}

/// Who asks, and the session cookie that the answer gives when the monolith's session was exchanged for it.
///
/// What does not prove anything (a cookie that is over, forged, or of another session) is as good as none.
pub(crate) async fn asker(app: &App, headers: &HeaderMap) -> Result<(Asker, Option<HeaderValue>), Refusal> {
    if app.step < TRAVELS {
        return Ok((Asker::ANONYMOUS, None));
    }
    let monolith_key = sessions::cookie(headers, sessions::MONOLITH_COOKIE);
    let own = sessions::cookie(headers, sessions::OWN_COOKIE);
    if let Some(session) = own.and_then(|token| app.sessions.read(token, monolith_key)) {
        return Ok((Asker::of(session), None));
    }
    let Some(key) = monolith_key.filter(|_| app.step >= BRIDGED) else {
        return Ok((Asker::ANONYMOUS, None));
    };
    let Some(user) = app.internal.resolve(key.into()).await? else {
        return Ok((Asker::ANONYMOUS, None));
    };
    let session = Session::of(&user);
    let cookie = app.sessions.bound_cookie(session, key).map_err(crate::answer::failed)?;
    Ok((Asker::of(session), Some(cookie)))
}

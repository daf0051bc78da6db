//! One side on the wire: connections, pools, what both legs do to a head, capped copies. A failing side is data.

mod capture;
pub mod deadline;
mod failure;
mod head;
mod idle;
mod mux;
mod names;
mod plain;
mod pool;
mod reach;
mod wire;

pub use capture::Capture;
pub use failure::{failure_of, stopped, unanswered};
pub use head::{
    Forwarded, Hop, compact, concerns_one_connection, origin_form, path_and_query, strip_hop_by_hop, wants_websocket,
};
pub use plain::{Lines, Question, Reply};
pub use pool::{Dialect, Lease, Pool, Sent};
pub use reach::Reach;

//! The live path: listen, find the route, forward, capture. Nothing here ever waits for the shadow side.

mod answer;
mod chunk_lines;
mod connection;
mod first;
mod forward;
mod from_client;
mod guard;
mod heads;
mod heartbeat;
mod http2;
mod listen;
mod pending;
mod places;
mod relay;
mod serve;
mod tls;
mod tunnel;
mod upload;
mod worker;
mod writes;

pub use heartbeat::{Heartbeats, watch};
pub use listen::{Listeners, bind};
pub use worker::{Proxy, Stop, start};

//! The live path: listen, find the route, forward, capture. Nothing here ever waits for the shadow side.

mod answer;
mod chunk_lines;
mod connection;
mod forward;
mod guard;
mod heads;
mod listen;
mod pending;
mod relay;
mod serve;
mod tunnel;
mod upload;
mod worker;

pub use listen::{Listeners, bind};
pub use worker::{Proxy, start};

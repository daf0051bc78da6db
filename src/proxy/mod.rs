//! The live path: listen, find the route, forward, capture. Nothing here ever waits for the shadow side.

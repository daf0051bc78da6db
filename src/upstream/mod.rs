//! Asks one side over the wire. A failing upstream is data, not an error.

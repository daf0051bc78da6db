//! Parses two texts with `serde_json::from_slice::<Value>`, default features, the system's allocator, and says how long a
//! pair took, dropping included. One line in (`times path path`), one line out (nanoseconds for each pair).

use serde_json::Value;
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some(times), Some(one), Some(other)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("not `times path path`: {line}").into());
        };
        let (times, one, other): (u32, _, _) = (times.parse()?, std::fs::read(one)?, std::fs::read(other)?);
        let start = Instant::now();
        for _ in 0..times {
            let one: Value = serde_json::from_slice(std::hint::black_box(&one))?;
            let other: Value = serde_json::from_slice(std::hint::black_box(&other))?;
            std::hint::black_box((&one, &other));
        }
        writeln!(out, "{}", start.elapsed().as_nanos() / u128::from(times.max(1)))?;
        out.flush()?;
    }
    Ok(())
}

//! Regexes of rules: bounded in size, and refused where they would hide any value at all.

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled regex may take.
const SIZE: usize = 1 << 20;

/// Values without anything in common: a pattern that matches each as a whole says nothing.
const PROBES: [&str; 6] = ["a", "Z9 ~", "\u{65e5}\u{672c}", "-17.5e3", "{\"k\":[1]}", "https://x.test/?q=1#f"];

/// Compiles a regex and refuses one that matches the empty string or anything whatever.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let regex = RegexBuilder::new(pattern).size_limit(SIZE).build().map_err(|error| {
        let text = error.to_string();
        text.lines().last().unwrap_or("not a regular expression").trim_start_matches("error: ").to_string()
    })?;
    if regex.is_match("") {
        return Err(
            "the pattern matches the empty string, so it would hide an empty value; name what must be there".into()
        );
    }
    if PROBES.iter().all(|probe| whole(&regex, probe)) {
        return Err("the pattern matches any value; name what is to be matched".into());
    }
    Ok(regex)
}

/// True where the regex matches the whole text and no less.
pub(super) fn whole(regex: &Regex, text: &str) -> bool {
    regex.find(text).is_some_and(|found| found.start() == 0 && found.end() == text.len())
}

/// The same pattern, matching whole texts only.
pub(super) fn anchored(pattern: &str) -> Result<Regex, String> {
    compile(pattern)?;
    RegexBuilder::new(&format!("\\A(?:{pattern})\\z")).size_limit(SIZE).build().map_err(|error| error.to_string())
}

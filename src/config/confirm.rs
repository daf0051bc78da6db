//! `[confirm]`: when mismatches are asked again, and how often.

use super::error::ConfigError;
use super::raw::{RawConfirm, Text};
use super::source::Source;
use super::{Confirm, sections, spelling};
use std::num::NonZeroU32;
use std::time::Duration;

/// What is asked again, where nothing is said: soon, for a race, and late, for a lag.
const AFTER: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(60)];
/// Looks a second, where nothing is said.
const BUDGET: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// Looks at one mismatch at most, and the longest wait: what waits is held in memory.
const LOOKS: usize = 8;
const LONGEST: Duration = Duration::from_secs(3_600);

/// `[confirm]`; without it nothing is asked again.
pub(super) fn confirm(source: &Source<'_>, raw: &Option<RawConfirm>) -> Result<Option<Confirm>, ConfigError> {
    let Some(raw) = raw else { return Ok(None) };
    let budget = match &raw.budget {
        None => BUDGET,
        Some(text) => budget(source, text)?,
    };
    let Some(list) = &raw.after else { return Ok(Some(Confirm { after: AFTER.to_vec(), budget })) };
    let texts = list.get_ref();
    if texts.is_empty() || texts.len() > LOOKS {
        let message = format!("{} delays cannot be asked after", texts.len());
        let allowed = format!("1 to {LOOKS} delays; without [confirm] nothing is asked again");
        return Err(source.error(list.span(), message).allowing(allowed));
    }
    let mut after: Vec<Duration> = Vec::new();
    for text in texts {
        let delay = sections::positive_duration(source, text)?;
        if delay > LONGEST || delay < Duration::from_millis(1) {
            return Err(source.error(text.span(), "this cannot be waited for").allowing("1ms to 1h"));
        }
        if after.last().is_some_and(|before| *before >= delay) {
            let message = "a delay is no longer than the one before it";
            return Err(source.error(text.span(), message).allowing("the shortest first, each once"));
        }
        after.push(delay);
    }
    Ok(Some(Confirm { after, budget }))
}

fn budget(source: &Source<'_>, text: &Text) -> Result<NonZeroU32, ConfigError> {
    let value = source.expand(text)?;
    match spelling::rate(&value) {
        Ok(Some(budget)) => Ok(budget),
        Ok(None) => Err(source
            .error(text.span(), "the primary cannot be asked again without a limit")
            .allowing("a rate (\"5/s\")")),
        Err(allowed) => Err(source.error(text.span(), format!("`{value}` is not a rate")).allowing(allowed)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::resolve::tests::file;
    use std::time::Duration;

    #[test]
    fn it_is_what_is_said_the_usual_where_it_is_named_and_off_otherwise() {
        assert_eq!(file("").unwrap().confirm, None);
        let ms = |all: &[u64]| all.iter().map(|ms| Duration::from_millis(*ms)).collect::<Vec<_>>();
        let of = |text: &str| file(text).unwrap().confirm.map(|confirm| (confirm.after, confirm.budget.get()));
        assert_eq!(of("[confirm]\n"), Some((ms(&[250, 60_000]), 5)));
        let text = "[confirm]\nafter = [\"100ms\", \"1s\", \"1m\"]\nbudget = \"20/s\"\n";
        assert_eq!(of(text), Some((ms(&[100, 1_000, 60_000]), 20)));
        for (text, place, says) in [
            ("[confirm]\nafter = []\n", "paritee.toml:2:9", "1 to 8 delays"),
            ("[confirm]\nafter = [\"1s\", \"1s\"]\n", "paritee.toml:2:16", "shortest first"),
            ("[confirm]\nafter = [\"2h\"]\n", "paritee.toml:2:10", "1ms to 1h"),
            ("[confirm]\nafter = [\"soon\"]\n", "paritee.toml:2:10", "not a duration"),
            ("[confirm]\nbudget = \"none\"\n", "paritee.toml:2:10", "without a limit"),
            ("[confirm]\nbudget = \"5\"\n", "paritee.toml:2:10", "not a rate"),
        ] {
            let error = file(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(says), "{error}");
        }
    }
}

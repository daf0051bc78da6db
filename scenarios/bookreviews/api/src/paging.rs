//! Pages of a listing: `?page=` and `?page_size=`, absolute links to the next and the previous page.

use crate::answer::Refusal;
use crate::faults::{Fault, Faults};
use axum::extract::Query;
use http::Uri;
use serde_json::{Map, Value};

const DEFAULT_SIZE: i64 = 5;
const LARGEST_SIZE: i64 = 50;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    number: i64,
    /// Only when the request chose one: links then carry it on.
    chosen_size: Option<i64>,
}

impl Default for Page {
    fn default() -> Page {
        Page { number: 1, chosen_size: None }
    }
}

impl Page {
    /// From the query; of a repeated name the last counts. A page that is no number is not found, a size that is none is as
    /// good as absent.
    pub(crate) fn of(uri: &Uri) -> Result<Page, Refusal> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).unwrap_or_default();
        let last = |name: &str| pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let number = number(last("page").unwrap_or("1")).ok_or(Refusal::NotFound("page"))?;
        let chosen_size = number_or_none(last("page_size")).map(|size| size.min(LARGEST_SIZE));
        Ok(Page { number, chosen_size })
    }

    /// How many are on a full page.
    pub(crate) fn size(self) -> i32 {
        // At most LARGEST_SIZE.
        self.chosen_size.unwrap_or(DEFAULT_SIZE) as i32
    }

    /// How many come before it.
    pub(crate) fn offset(self) -> i64 {
        (self.number - 1) * i64::from(self.size())
    }

    /// `count`, `next` and `previous` of a listing of so many at this address; a page past the end is not found.
    pub(crate) fn members(self, total: i64, address: &str, faults: Faults) -> Result<Map<String, Value>, Refusal> {
        if self.number > 1 && self.offset() >= total {
            return Err(Refusal::NotFound("page"));
        }
        let size = self.chosen_size.map(|size| format!("&page_size={size}")).unwrap_or_default();
        let link = |number: i64| Value::from(format!("{address}?page={number}{size}"));
        let has_next = self.offset() + i64::from(self.size()) < total;
        let mut members = Map::new();
        members.insert("count".into(), total.into());
        if has_next || !faults.on(Fault::NextAbsent) {
            members.insert("next".into(), if has_next { link(self.number + 1) } else { Value::Null });
        }
        members.insert("previous".into(), if self.number > 1 { link(self.number - 1) } else { Value::Null });
        Ok(members)
    }

    /// What is listed on the page, in its order.
    pub(crate) fn results(self, mut results: Vec<Value>, faults: Faults) -> Value {
        if faults.on(Fault::PageShortByOne) && results.len() == self.size() as usize {
            results.pop();
        }
        if faults.on(Fault::ListReversed) {
            results.reverse();
        }
        if faults.on(Fault::DuplicateInList)
            && let Some(first) = results.first().cloned()
        {
            results.push(first);
        }
        Value::Array(results)
    }
}

/// The absolute address of a path at the host that the client asked.
pub(crate) fn address(headers: &http::HeaderMap, path: &str, faults: Faults) -> String {
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let host = if faults.on(Fault::NextWrongHost) { "api.internal" } else { host };
    format!("http://{host}{path}")
}

fn number_or_none(text: Option<&str>) -> Option<i64> {
    text.and_then(number)
}

/// One to nine digits, the first of them no zero.
fn number(text: &str) -> Option<i64> {
    let digits = matches!(text.len(), 1..=9) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits && !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, Refusal> {
        Page::of(&format!("/x/?{query}").parse().unwrap())
    }

    #[test]
    fn a_page_that_is_no_number_is_not_found() {
        for query in
            ["page=0", "page=", "page=-1", "page=x", "page=01", "page=1&page=x", "page=1234567890", "page=%C2%B2"]
        {
            assert_eq!(page(query), Err(Refusal::NotFound("page")), "{query}");
        }
        assert_eq!(page("page=x&page=2").map(Page::offset), Ok(5));
    }

    #[test]
    fn a_size_that_is_no_number_is_the_usual_one() {
        for (query, size) in [("", 5), ("page_size=x", 5), ("page_size=0", 5), ("page_size=3", 3), ("page_size=99", 50)]
        {
            assert_eq!(page(query).map(Page::size), Ok(size), "{query}");
        }
    }

    #[test]
    fn links_stop_at_both_ends() {
        let members = |query: &str, total| page(query).unwrap().members(total, "http://h/", Faults::default());
        let first = members("page_size=2", 3).unwrap();
        assert_eq!(first["next"], "http://h/?page=2&page_size=2");
        assert_eq!(first["previous"], Value::Null);
        let last = members("page=2&page_size=2", 3).unwrap();
        assert_eq!(last["next"], Value::Null);
        assert_eq!(last["previous"], "http://h/?page=1&page_size=2");
        assert_eq!(members("page=3&page_size=2", 3), Err(Refusal::NotFound("page")));
        assert_eq!(members("", 0).unwrap()["next"], Value::Null);
    }
}

//! Every refused config says file, line and column, key, what is allowed, and what was probably meant.

use paritee::config::{ConfigError, Flags, load};
use std::path::Path;

/// What is wrong, the file after its upstreams, and what the whole answer must be (without the file's folder).
const CASES: &[(&str, &str, &str)] = &[
    (
        "an unknown key",
        "[mirror]\nmax_inflight = 3\n",
        "paritee.toml:4:1: mirror.max_inflight: unknown key `max_inflight`\n\
         \u{20} |\n4 | max_inflight = 3\n  | ^^^^^^^^^^^^\n\
         \u{20} = did you mean `max_in_flight`?\n\
         \u{20} = allowed: percent, key, methods, shadow_nice, rate, burst, max_in_flight, max_in_flight_bytes, max_body, \
         breaker, back_off, max_lag, session",
    ),
    (
        "an unknown key in an inline table",
        "[mirror]\nbreaker = { failure = 3 }\n",
        "paritee.toml:4:13: mirror.breaker.failure: unknown key `failure`\n\
         \u{20} |\n4 | breaker = { failure = 3 }\n  |             ^^^^^^^\n\
         \u{20} = did you mean `failures`?\n\
         \u{20} = allowed: failures, window, cooldown, probe_timeout",
    ),
    (
        "a factor that nothing can be slower by",
        "[mirror]\nback_off = { primary_slower_by = 0.9 }\n",
        "paritee.toml:4:34: mirror.back_off.primary_slower_by: 0.9 is no factor by which the primary may be slower\n\
         \u{20} |\n4 | back_off = { primary_slower_by = 0.9 }\n  |                                  ^^^\n\
         \u{20} = allowed: more than 1, at most 100 (1.1 for a tenth); back_off = false turns it off",
    ),
    (
        "an unknown key of the back-off",
        "[mirror]\nback_off = { primary_slower = 1.1 }\n",
        "paritee.toml:4:14: mirror.back_off.primary_slower: unknown key `primary_slower`\n\
         \u{20} |\n4 | back_off = { primary_slower = 1.1 }\n  |              ^^^^^^^^^^^^^^\n\
         \u{20} = did you mean `primary_slower_by`?\n\
         \u{20} = allowed: primary_slower_by, control",
    ),
    (
        "a lag that no timer can tell",
        "[mirror]\nmax_lag = \"1ms\"\n",
        "paritee.toml:4:11: mirror.max_lag: `1ms` is less than timers can tell\n\
         \u{20} |\n4 | max_lag = \"1ms\"\n  |           ^^^^^\n\
         \u{20} = allowed: 5ms or more; false turns it off",
    ),
    (
        "evidence for less than an hour",
        "[store]\nmax_age = \"30m\"\n",
        "paritee.toml:4:11: store.max_age: evidence is kept by the hour\n\
         \u{20} |\n4 | max_age = \"30m\"\n  |           ^^^^^\n\
         \u{20} = allowed: 1h or more",
    ),
    (
        "a store too small for two generations",
        "[store]\nmax_bytes = \"10MiB\"\n",
        "paritee.toml:4:13: store.max_bytes: this is too small\n\
         \u{20} |\n4 | max_bytes = \"10MiB\"\n  |             ^^^^^^^\n\
         \u{20} = allowed: at least 67108864 bytes",
    ),
    (
        "more keys than memory takes",
        "[store]\nmax_keys = 2000000\n",
        "paritee.toml:4:12: store.max_keys: 2000000 is out of range\n\
         \u{20} |\n4 | max_keys = 2000000\n  |            ^^^^^^^\n\
         \u{20} = allowed: 10000 to 1000000",
    ),
    (
        "an unknown section",
        "[mirrors]\n",
        "paritee.toml:3:2: mirrors: unknown key `mirrors`\n\
         \u{20} |\n3 | [mirrors]\n  |  ^^^^^^^\n\
         \u{20} = did you mean `mirror`?\n\
         \u{20} = allowed: listen, admin, admin_token, workers, tls, upstreams, mirror, confirm, compare, redact, store, principal, \
         role, rule, route, gate",
    ),
    (
        "a URL that does not parse",
        "[upstreams.candidate]\nurl = \"127.0.0.1:9000\"\n",
        "paritee.toml:4:7: upstreams.candidate.url: `127.0.0.1:9000` is not an http, https or unix URL\n\
         \u{20} |\n4 | url = \"127.0.0.1:9000\"\n  |       ^^^^^^^^^^^^^^^^\n\
         \u{20} = allowed: http://host:port, https://host:port or unix:/path/to.sock, optionally with a base path \
         (http://127.0.0.1:8000, https://api.example/v2, unix:/run/app.sock, unix:/run/app.sock:/v2)",
    ),
    (
        "a CA where nothing is checked",
        "[upstreams.candidate]\nurl = \"http://api.example\"\nca = \"ca.pem\"\n",
        "paritee.toml:5:6: upstreams.candidate.ca: this side is not asked over TLS, so nothing here would be checked or shown\n\
         \u{20} |\n5 | ca = \"ca.pem\"\n  |      ^^^^^^^^\n\
         \u{20} = allowed: with url = \"https://…\" only",
    ),
    (
        "a file that is no certificate",
        "[upstreams.candidate]\nurl = \"https://api.example\"\nca = \"paritee.toml\"\n",
        "paritee.toml:5:6: upstreams.candidate.ca: there is no certificate in this file\n\
         \u{20} |\n5 | ca = \"paritee.toml\"\n  |      ^^^^^^^^^^^^^^\n\
         \u{20} = allowed: a PEM file with the certificates that sign the side's own",
    ),
    (
        "a session that the candidate never gets to know",
        "[mirror.session]\ncookie = \"sessionid\"\n",
        "paritee.toml:4:10: mirror.session.cookie: nothing says how the candidate gets to know a session\n\
         \u{20} |\n4 | cookie = \"sessionid\"\n  |          ^^^^^^^^^^^\n\
         \u{20} = allowed: establish = [\"POST /api/login\"], bridge = \"POST /internal/session\", or both",
    ),
    (
        "a bridge with a parameter",
        "[mirror.session]\ncookie = \"s\"\nbridge = \"POST /s/{id}\"\n",
        "paritee.toml:5:10: mirror.session.bridge: one request for every session: no host, no parameters\n\
         \u{20} |\n5 | bridge = \"POST /s/{id}\"\n  |          ^^^^^^^^^^^^^^\n\
         \u{20} = allowed: `METHOD /path` at the candidate, without parameters (POST /internal/session)",
    ),
    (
        "a log-in that is never mirrored",
        "[mirror.session]\ncookie = \"s\"\nestablish = [\"POST /in\"]\n[[route]]\nmatch = \"POST /in\"\nmirror = \"never\"\n",
        "paritee.toml:5:14: mirror.session.establish[1]: `POST /in` says mirror = \"never\", and this line mirrors it\n\
         \u{20} |\n5 | establish = [\"POST /in\"]\n  |              ^^^^^^^^^^\n\
         \u{20} = allowed: one of the two",
    ),
    (
        "a class behind one that takes everybody",
        "[[principal]]\nclass = \"all\"\n[[principal]]\nclass = \"staff\"\n",
        "paritee.toml:6:9: principal[2].class: the class `staff` can never be reached: one before it takes everybody\n\
         \u{20} |\n6 | class = \"staff\"\n  |         ^^^^^^^\n\
         \u{20} = allowed: the class without `when` last",
    ),
    (
        "a credential that stands in no way",
        "[[principal]]\nclass = \"x\"\nwhen = { credential = \"reject\" }\n",
        "paritee.toml:5:23: principal[1].when.credential: unknown value `reject`\n\
         \u{20} |\n5 | when = { credential = \"reject\" }\n  |                       ^^^^^^^^\n\
         \u{20} = did you mean `rejected`?\n\
         \u{20} = allowed: none, accepted, rejected",
    ),
    (
        "operations told apart by nothing known",
        "[[route]]\nmatch = \"POST /graphql\"\nsplit_by = \"jsn:$.operationName\"\n",
        "paritee.toml:5:12: route[1].split_by: `jsn:$.operationName` does not say where the operation stands\n\
         \u{20} |\n5 | split_by = \"jsn:$.operationName\"\n  |            ^^^^^^^^^^^^^^^^^^^^^\n\
         \u{20} = did you mean `json`?\n\
         \u{20} = allowed: \"json:$.operationName\", \"header:x-amz-target\", \"query:action\", \"grpc\"",
    ),
    (
        "operations told apart by a path that does not read",
        "[[route]]\nmatch = \"POST /graphql\"\nsplit_by = \"json:operationName\"\n",
        "paritee.toml:5:18: route[1].split_by: a path begins with `$`\n\
         \u{20} |\n5 | split_by = \"json:operationName\"\n  |                  ^\n\
         \u{20} = allowed: a path to one place in the body (json:$.operationName, json:$.params['action'])",
    ),
    (
        "operations told apart by many places",
        "[[route]]\nmatch = \"POST /graphql\"\nsplit_by = \"json:$..method\"\n",
        "paritee.toml:5:18: route[1].split_by: `$..method` does not name one place\n\
         \u{20} |\n5 | split_by = \"json:$..method\"\n  |                  ^\n\
         \u{20} = allowed: a path to one place in the body (json:$.operationName, json:$.params['action'])",
    ),
    (
        "operations told apart by a secret",
        "[redact]\nheaders = [\"x-who\"]\n[[route]]\nmatch = \"POST /rpc\"\nsplit_by = \"header:X-Who\"\n",
        "paritee.toml:7:12: route[1].split_by: what stands at `X-Who` is a secret, and an operation's name is stored and shown\n\
         \u{20} |\n7 | split_by = \"header:X-Who\"\n  |            ^^^^^^^^^^^^^^\n\
         \u{20} = allowed: a place that holds a name, and that redaction leaves",
    ),
    (
        "ids of an unknown scope",
        "[[rule]]\nname = \"id\"\npath = \"$.id\"\nsame_id = { space = \"book\", scope = \"runs\" }\n",
        "paritee.toml:6:37: rule[1].same_id.scope: `runs` is not a scope\n\
         \u{20} |\n6 | same_id = { space = \"book\", scope = \"runs\" }\n  |                                     ^^^^^^\n\
         \u{20} = did you mean `run`?\n\
         \u{20} = allowed: document, session, run",
    ),
    (
        "a cookie rule with a path",
        "[[rule]]\nname = \"c\"\npath = \"$.a\"\nset_cookie = { primary = \"a\", candidate = \"b\" }\n",
        "paritee.toml:5:8: rule[1].path: `set_cookie` acts on the Set-Cookie fields: remove the path\n\
         \u{20} |\n5 | path = \"$.a\"\n  |        ^^^^^",
    ),
    (
        "a cookie that is the same on both sides",
        "[[rule]]\nname = \"c\"\nset_cookie = { primary = \"a\", candidate = \"a\" }\n",
        "paritee.toml:5:14: rule[1].set_cookie: rule `c`: cookies of one name are compared as one without a rule\n\
         \u{20} |\n5 | set_cookie = { primary = \"a\", candidate = \"a\" }\n  |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n\
         \u{20} = allowed: { primary = \"sessionid\", candidate = \"session\", cleared_by = \"primary\" }",
    ),
    (
        "a percentage out of range",
        "[mirror]\npercent = 101\n",
        "paritee.toml:4:11: mirror.percent: this is not a percentage\n\
         \u{20} |\n4 | percent = 101\n  |           ^^^\n\
         \u{20} = allowed: 0 to 100 with at most two decimals (12.5 or \"12.5%\")",
    ),
    (
        "a write among the methods",
        "[mirror]\nmethods = [\"GET\", \"POST\"]\n",
        "paritee.toml:4:19: mirror.methods[2]: `POST` is not safe to repeat everywhere\n\
         \u{20} |\n4 | methods = [\"GET\", \"POST\"]\n  |                   ^^^^^^\n\
         \u{20} = allowed: GET, HEAD, OPTIONS, TRACE here; others with mirror = \"allow\" on their own [[route]]",
    ),
    (
        "a rule without a kind",
        "[[rule]]\nname = \"r\"\npath = \"$.a\"\n",
        "paritee.toml:4:8: rule[1].name: the rule `r` says nothing about what it does\n\
         \u{20} |\n4 | name = \"r\"\n  |        ^^^\n\
         \u{20} = allowed: one of ignore, shape, timestamp, number, unordered, set, key, rewrite, fallback, added, url, \
         absent_is_null, rename, text, decode, same_id, error_body, set_cookie, body",
    ),
    (
        "a rule that ignores without a reason",
        "[[rule]]\nname = \"r\"\npath = \"$.a\"\nignore = true\n",
        "paritee.toml:6:10: rule[1].ignore: the rule `r` hides a place for good: say why\n\
         \u{20} |\n6 | ignore = true\n  |          ^^^^\n\
         \u{20} = allowed: reason = \"…\" beside ignore = true",
    ),
    (
        "a rule that allows elements",
        "[[rule]]\nname = \"r\"\npath = \"$.a[0]\"\nadded = \"allow\"\n",
        "paritee.toml:5:8: rule[1].path: rule `r`: an element is never an added member; the path must end in a name or `*`\n\
         \u{20} |\n5 | path = \"$.a[0]\"\n  |        ^^^^^^^^\n\
         \u{20} = allowed: a path that ends in a member's name, or in `*`",
    ),
    (
        "a fallback of a value to itself",
        "[[rule]]\nname = \"r\"\npath = \"$.a\"\nfallback = { side = \"primary\", from = \"$['a']\" }\n",
        "paritee.toml:6:39: rule[1].fallback.from: rule `r`: `from` is the value that is to be filled: an empty one stays \
         empty\n\
         \u{20} |\n6 | fallback = { side = \"primary\", from = \"$['a']\" }\n  |                                       ^^^^^^^^\n\
         \u{20} = allowed: from = \"$.content\": one place, by names and indices; side = \"primary\" or \"candidate\"",
    ),
    (
        "a URL rule that ignores what there is not",
        "[[rule]]\nname = \"u\"\npath = \"$.a\"\nurl = { ignore = [\"origin\", \"scheme\"] }\n",
        "paritee.toml:6:29: rule[1].url.ignore[2]: unknown value `scheme`\n\
         \u{20} |\n6 | url = { ignore = [\"origin\", \"scheme\"] }\n  |                             ^^^^^^^^\n\
         \u{20} = allowed: origin, trailing_slash, query_order",
    ),
    (
        "a text rule that hides nothing known",
        "[[rule]]\nname = \"t\"\npath = \"$.a\"\ntext = \"trimm\"\n",
        "paritee.toml:6:8: rule[1].text: unknown value `trimm`\n\
         \u{20} |\n6 | text = \"trimm\"\n  |        ^^^^^^^\n\
         \u{20} = did you mean `trim`?\n\
         \u{20} = allowed: trim, collapse, case, nfc, crlf",
    ),
    (
        "a reading that there is not",
        "[[rule]]\nname = \"r\"\nbody = \"htm\"\n",
        "paritee.toml:5:8: rule[1].body: bodies are not read as `htm`\n\
         \u{20} |\n5 | body = \"htm\"\n  |        ^^^^^\n\
         \u{20} = did you mean `html`?\n\
         \u{20} = allowed: html, xml, json, form, text",
    ),
    (
        "a reading of a place",
        "[[rule]]\nname = \"r\"\npath = \"$.a\"\nbody = \"html\"\n",
        "paritee.toml:5:8: rule[1].path: `body` acts on whole bodies: remove the path\n\
         \u{20} |\n5 | path = \"$.a\"\n  |        ^^^^^",
    ),
    (
        "two readings of all bodies",
        "[[rule]]\nname = \"r\"\nbody = \"html\"\n[[rule]]\nname = \"s\"\nbody = \"xml\"\n",
        "paritee.toml:8:8: rule[2].body: rule `s`: another rule says already how these bodies are read\n\
         \u{20} |\n8 | body = \"xml\"\n  |        ^^^^^\n\
         \u{20} = allowed: one `body` for a route and one for all: \"html\", \"xml\", \"json\", \"form\" or \"text\"",
    ),
    (
        "a shape that is nearly one",
        "[[route]]\nmatch = \"GET /a\"\n[[route.rule]]\nname = \"r\"\npath = \"$.a\"\nshape = \"uid\"\n",
        "paritee.toml:8:9: route[1].rule[1].shape: `uid` is not a shape\n\
         \u{20} |\n8 | shape = \"uid\"\n  |         ^^^^^\n\
         \u{20} = did you mean `uuid`?\n\
         \u{20} = allowed: uuid, timestamp, number, same_type, or { pattern = \"…\" }",
    ),
    (
        "two routes of one meaning",
        "[[route]]\nmatch = \"GET /a/{x}\"\n[[route]]\nmatch = \"GET /a/{y}\"\n",
        "paritee.toml:6:9: route[2].match: this route and the one on line 4 claim the same requests\n\
         \u{20} |\n6 | match = \"GET /a/{y}\"\n  |         ^^^^^^^^^^^^\n\
         \u{20} = allowed: one [[route]] for each method and template",
    ),
    (
        "an environment variable that is not set",
        "[store]\ndir = \"${PARITEE_TEST_IS_NOT_SET}\"\n",
        "paritee.toml:4:7: store.dir: the environment variable `PARITEE_TEST_IS_NOT_SET` is not set\n\
         \u{20} |\n4 | dir = \"${PARITEE_TEST_IS_NOT_SET}\"\n  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n\
         \u{20} = allowed: set it, or write ${PARITEE_TEST_IS_NOT_SET:-…}",
    ),
    (
        "a role that is not declared",
        "[[role]]\nname = \"http-api\"\n[[route]]\nmatch = \"GET /a\"\nrole = \"http_api\"\n",
        "paritee.toml:7:8: route[1].role: the role `http_api` is not declared\n\
         \u{20} |\n7 | role = \"http_api\"\n  |        ^^^^^^^^^^\n\
         \u{20} = did you mean `http-api`?\n\
         \u{20} = allowed: a declared [[role]] (http-api)",
    ),
    (
        "a duration without its unit",
        "[upstreams.candidate]\nurl = \"http://h\"\ntimeout = \"5\"\n",
        "paritee.toml:5:11: upstreams.candidate.timeout: `5` is not a duration\n\
         \u{20} |\n5 | timeout = \"5\"\n  |           ^^^\n\
         \u{20} = allowed: a number and its unit: us, ms, s, m, h or d (\"250ms\", \"30s\", \"7d\")",
    ),
    (
        "TOML that does not parse",
        "[mirror\n",
        "paritee.toml:3:8: unclosed table, expected `]`\n  |\n3 | [mirror\n  |        ^",
    ),
    (
        "a value of the wrong type",
        "[mirror]\nmax_in_flight = \"64\"\n",
        "paritee.toml:4:17: mirror.max_in_flight: invalid type: string \"64\", expected a whole number\n\
         \u{20} |\n4 | max_in_flight = \"64\"\n  |                 ^^^^",
    ),
];

fn refused(folder: &Path, text: &str) -> ConfigError {
    let file = folder.join("paritee.toml");
    std::fs::write(&file, format!("[upstreams]\nprimary = {{ url = \"http://127.0.0.1:8000\" }}\n{text}"))
        .expect("it is written");
    load(Some(&file), &Flags::default()).err().unwrap_or_else(|| panic!("accepted: {text}"))
}

#[test]
fn every_refusal_says_where_what_and_what_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = String::new();
    for (what, text, expected) in CASES {
        let told = refused(folder.path(), text).to_string();
        let told = told.replace(&format!("{}/", folder.path().display()), "");
        if told != *expected {
            wrong += &format!("--- {what}: expected\n{expected}\n--- told\n{told}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_compile_error_points_into_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(folder.path(), "[[rule]]\nname = \"r\"\npath = \"$.a[?(@.x)]\"\nunordered = true\n");
    let place = error.place.as_ref().expect("a place");
    assert_eq!((place.line, error.key.as_deref()), (5, Some("rule[1].path")), "{}", error.message);
    assert!(place.column > 8, "the column is inside the string: {}", place.column);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = load(Some(Path::new("/nowhere/paritee.toml")), &Flags::default()).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/paritee.toml: cannot read this config"), "{error}");
}

#[test]
fn a_missing_primary_is_told_with_both_ways_to_name_it() {
    let error = load(None, &Flags::default()).unwrap_err().to_string();
    assert!(error.contains("--primary http://host:port"), "{error}");
}

//! The loop guard and the tee's own header fields: no client can forge them, opt out of mirroring, or read them.

use super::client::{Answer, Client, PATIENCE};
use super::message::{Head, shown};
use super::origin::Origin;
use super::tee::Tee;

const HOP: &str = "x-paritee-hop";
const EXCHANGE: &str = "x-paritee-exchange";
const SHADOW: &str = "x-shadow-request";
const ECHO: &str = "x-paritee-echo";

struct Bench {
    primary: Origin,
    candidate: Origin,
    tee: Tee,
}

impl Bench {
    fn start() -> Bench {
        let (primary, candidate) = (Origin::start(), Origin::start());
        let tee = Tee::between(&primary, &candidate);
        Bench { primary, candidate, tee }
    }

    fn get(&self, path: &str, lines: &str) -> Answer {
        let mut client = Client::connect(self.tee.address);
        client.send(format!("GET /{path} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n").as_bytes());
        client.answer("GET")
    }

    fn copy(&self, token: &str) -> Head {
        assert!(
            self.candidate.wait(PATIENCE, |log| log.requests.iter().any(|seen| seen.token == token)),
            "{token} was not mirrored"
        );
        self.candidate.requests(token)[0].head.clone()
    }

    /// A request of its own, through to the candidate: what came before it has come too.
    fn settle(&self) {
        assert_eq!(self.get("case.last", "").status(), 200);
        self.copy("case.last");
    }
}

#[test]
fn each_leg_carries_its_own_marks() {
    let bench = Bench::start();
    let answer = bench.get("case.plain", "");
    assert_eq!(answer.status(), 200, "{answer}");
    let copy = bench.copy("case.plain");
    let primary = &bench.primary.requests("case.plain")[0].head;
    assert_eq!(primary.all(HOP).len(), 1, "{}", shown(&primary.raw));
    assert_eq!(primary.one(SHADOW), None, "the primary is told of a shadow");
    assert_eq!(primary.one(EXCHANGE), None, "the primary is told the exchange");
    assert_eq!(copy.all(SHADOW), ["1"], "{}", shown(&copy.raw));
    assert_eq!(copy.all(EXCHANGE).len(), 1, "{}", shown(&copy.raw));
    for name in [HOP, SHADOW, EXCHANGE, ECHO] {
        assert_eq!(answer.head.one(name), None, "the client can read {name}");
    }
}

#[test]
fn our_own_hop_is_a_loop() {
    let bench = Bench::start();
    assert_eq!(bench.get("case.first", "").status(), 200);
    let hop = bench.primary.requests("case.first")[0].head.one(HOP).expect("a hop").to_owned();
    for (token, lines) in [
        ("case.loop", format!("X-Paritee-Hop: {hop}\r\n")),
        ("case.loop-case", format!("x-PARITEE-hop: {hop}\r\n")),
        ("case.loop-second", format!("X-Paritee-Hop: another\r\nX-Paritee-Hop: {hop}\r\n")),
        ("case.loop-list", format!("X-Paritee-Hop: another, {hop}\r\n")),
        ("case.loop-named", format!("Connection: X-Paritee-Hop\r\nX-Paritee-Hop: {hop}\r\n")),
    ] {
        let answer = bench.get(token, &lines);
        assert_eq!(answer.status(), 508, "{token}: {answer}");
        assert!(bench.primary.requests(token).is_empty(), "{token} reached the primary");
    }
    bench.settle();
    for token in ["case.loop", "case.loop-case", "case.loop-second", "case.loop-list", "case.loop-named"] {
        assert!(bench.candidate.requests(token).is_empty(), "{token} was mirrored");
    }
}

#[test]
fn another_tees_hop_passes() {
    let bench = Bench::start();
    let answer = bench.get("case.other", "X-Paritee-Hop: 0123456789abcdef\r\n");
    assert_eq!(answer.status(), 200, "{answer}");
    let own = bench.primary.requests("case.other")[0].head.all(HOP).join(", ");
    assert!(!own.is_empty() && own != "0123456789abcdef", "our own hop is missing: {own}");
}

#[test]
fn a_tee_that_is_its_own_candidate_does_not_storm() {
    let primary = Origin::start();
    let front = Origin::start();
    let inner = Tee::between(&primary, &front);
    // The candidate of the outer tee is a tee whose candidate is an origin: one request, one copy each.
    let outer = Tee::start(primary.address, inner.address, None);
    let mut client = Client::connect(outer.address);
    client.send(b"GET /case.chain HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(client.answer("GET").status(), 200);
    // The outer asks the primary once, the inner once more on behalf of the copy.
    assert!(primary.wait(PATIENCE, |log| log.requests.iter().filter(|seen| seen.token == "case.chain").count() == 2));
    client.send(b"GET /case.next HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(client.answer("GET").status(), 200);
    assert!(primary.wait(PATIENCE, |log| log.requests.iter().filter(|seen| seen.token == "case.next").count() == 2));
    assert_eq!(primary.requests("case.chain").len(), 2);
    assert!(front.requests("case.chain").len() <= 1);
}

#[test]
fn clients_cannot_forge_marks() {
    let bench = Bench::start();
    bench.get("case.real", "");
    let real = bench.copy("case.real").one(EXCHANGE).expect("an exchange id").to_owned();
    for (token, lines) in [
        ("case.shadow", "X-Shadow-Request: 1\r\n".to_owned()),
        ("case.exchange", "X-Paritee-Exchange: 0123456789abcdef\r\n".to_owned()),
        ("case.both", "X-Shadow-Request: 1\r\nX-Paritee-Exchange: a.b.c\r\n".to_owned()),
        ("case.echo", "X-Paritee-Echo: a.b.c\r\n".to_owned()),
        ("case.other-path", format!("X-Paritee-Exchange: {real}\r\n")),
        ("case.bent", format!("X-Paritee-Exchange: {real}0\r\n")),
        ("case.empty", "X-Paritee-Exchange:\r\n".to_owned()),
    ] {
        let answer = bench.get(token, &lines);
        assert_eq!(answer.status(), 200, "{token}: {answer}");
        assert_eq!(answer.head.one(ECHO), None, "{token}: a client made the answer an echo");
        let seen = &bench.primary.requests(token)[0].head;
        for name in [SHADOW, EXCHANGE, ECHO] {
            assert_eq!(seen.one(name), None, "{token}: {name} of a client reached the primary");
        }
        let copy = bench.copy(token);
        assert_eq!((copy.all(SHADOW), copy.all(EXCHANGE).len()), (vec!["1"], 1), "{token}: {}", shown(&copy.raw));
        assert!(!lines.contains(copy.one(EXCHANGE).unwrap_or("")), "{token}: a client's exchange id was taken over");
    }
}

#[test]
fn a_copy_that_comes_back_is_served_and_not_mirrored_again() {
    let bench = Bench::start();
    bench.get("case.back", "");
    let exchange = bench.copy("case.back").one(EXCHANGE).expect("an exchange id").to_owned();
    let answer = bench.get("case.back", &format!("X-Shadow-Request: 1\r\nX-Paritee-Exchange: {exchange}\r\n"));
    assert_eq!((answer.status(), answer.body.as_slice()), (200, b"ok".as_slice()), "{answer}");
    assert!(answer.head.one(ECHO).is_some(), "no signed echo: {answer}");
    assert_eq!(bench.primary.requests("case.back").len(), 2);
    bench.settle();
    assert_eq!(bench.candidate.requests("case.back").len(), 1, "the returning copy was mirrored again");
}

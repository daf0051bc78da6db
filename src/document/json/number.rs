//! When two numbers are one: exact decimals where they are integral, the nearest binary64 otherwise.
//!
//! `1 = 1.0 = 1e0`, `0 = -0`, `0.1 = 0.10000000000000001` (printers of 17 digits), but `2^53 != 2^53 + 1` however they are
//! spelled, `1e400 != 2e400` and `1e-400 != 0`. No exponent is ever expanded.

use std::cmp::Ordering;

/// Exponents of more digits than this are compared as text.
const EXPONENT_DIGITS: usize = 30;

/// An exact decimal: `± digits × 10^exponent`, without leading or trailing zeros; zero has no digits and no sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Below zero.
    pub negative: bool,
    /// ASCII digits, the first and the last not `0`.
    pub digits: Vec<u8>,
    /// Power of ten of the last digit.
    pub exponent: i128,
    /// False where the exponent has too many digits to be held: then nothing but `negative` is meant.
    pub bounded: bool,
}

/// The canonical key of a number: equal keys, equal numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberKey {
    /// An integral value that fits 64 bits.
    Small {
        /// Below zero.
        negative: bool,
        /// Without its sign.
        magnitude: u64,
    },
    /// The bits of the nearest binary64 of a value that is not integral.
    Float(u64),
    /// Any other exact decimal.
    Exact(Decimal),
    /// An exponent too long to be held: its text.
    Literal(String),
}

impl Decimal {
    /// The value of a JSON number (or any decimal of that grammar, `+` allowed before the exponent only).
    pub fn parse(text: &str) -> Decimal {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, bytes),
        };
        let at = bytes.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(bytes.len());
        let (mantissa, exponent) = bytes.split_at(at);
        let mut digits = Vec::with_capacity(mantissa.len());
        let mut shift: i128 = 0;
        let mut fraction = false;
        for &byte in mantissa {
            match byte {
                b'.' => fraction = true,
                b'0' if digits.is_empty() => shift -= i128::from(fraction),
                _ => {
                    digits.push(byte);
                    shift -= i128::from(fraction);
                }
            }
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
            shift += 1;
        }
        if digits.is_empty() {
            return Decimal { negative: false, digits, exponent: 0, bounded: true };
        }
        match exponent_of(exponent.get(1..).unwrap_or(&[])) {
            Some(exponent) => Decimal { negative, digits, exponent: exponent + shift, bounded: true },
            None => Decimal { negative, digits, exponent: 0, bounded: false },
        }
    }
    /// Zero, however it is spelled.
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }
    /// The power of ten just above the value: `0.1 <= |value| / 10^magnitude < 1`.
    fn magnitude(&self) -> i128 {
        self.exponent + self.digits.len() as i128
    }
    /// Compares without the signs.
    pub fn cmp_magnitude(&self, other: &Decimal) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        // digits carry no trailing zeros, so a longer run with the same start is larger
        self.magnitude().cmp(&other.magnitude()).then_with(|| self.digits.cmp(&other.digits))
    }
    /// The exact difference, without its sign; `None` where writing it down would take more than `cap` digits.
    pub fn distance(&self, other: &Decimal, cap: usize) -> Option<Decimal> {
        if !self.bounded || !other.bounded {
            return None;
        }
        let exponent = match (self.is_zero(), other.is_zero()) {
            (true, _) => return Some(Decimal { negative: false, ..other.clone() }),
            (_, true) => return Some(Decimal { negative: false, ..self.clone() }),
            _ => self.exponent.min(other.exponent),
        };
        let (mine, theirs) = (self.aligned(exponent, cap)?, other.aligned(exponent, cap)?);
        let digits = if self.negative != other.negative {
            add(&mine, &theirs)
        } else if self.cmp_magnitude(other) == Ordering::Less {
            subtract(&theirs, &mine)
        } else {
            subtract(&mine, &theirs)
        };
        Some(Decimal::normal(digits, exponent))
    }
    /// The exact product, without its sign; `None` over `cap` digits.
    pub fn times(&self, other: &Decimal, cap: usize) -> Option<Decimal> {
        if !self.bounded || !other.bounded || self.digits.len() + other.digits.len() > cap {
            return None;
        }
        let mut cells = vec![0_u64; self.digits.len() + other.digits.len() + 1];
        for (i, a) in self.digits.iter().rev().enumerate() {
            for (j, b) in other.digits.iter().rev().enumerate() {
                if let Some(cell) = cells.get_mut(i + j) {
                    *cell += u64::from(a - b'0') * u64::from(b - b'0');
                }
            }
        }
        let mut carry = 0;
        for cell in &mut cells {
            let sum = *cell + carry;
            (*cell, carry) = (sum % 10, sum / 10);
        }
        let digits = cells.iter().rev().map(|cell| b'0' + *cell as u8).collect();
        Some(Decimal::normal(digits, self.exponent + other.exponent))
    }
    /// Digits as an integer over 10^exponent.
    fn aligned(&self, exponent: i128, cap: usize) -> Option<Vec<u8>> {
        let zeros = usize::try_from(self.exponent - exponent).ok()?;
        if zeros.checked_add(self.digits.len())? > cap {
            return None;
        }
        let mut digits = self.digits.clone();
        digits.resize(digits.len() + zeros, b'0');
        Some(digits)
    }
    fn normal(mut digits: Vec<u8>, mut exponent: i128) -> Decimal {
        let lead = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..lead);
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        if digits.is_empty() {
            exponent = 0;
        }
        Decimal { negative: false, digits, exponent, bounded: true }
    }
}

fn exponent_of(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = digits.get(zeros..).unwrap_or(&[]);
    if digits.len() > EXPONENT_DIGITS {
        return None;
    }
    let value = digits.iter().fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    Some(if negative { -value } else { value })
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    let digit = |run: &[u8], i: usize| run.len().checked_sub(i + 1).and_then(|at| run.get(at)).map_or(0, |d| d - b'0');
    for i in 0..a.len().max(b.len()) {
        let sum = digit(a, i) + digit(b, i) + carry;
        out.push(b'0' + sum % 10);
        carry = sum / 10;
    }
    out.push(b'0' + carry);
    out.reverse();
    out
}

/// `a - b` where `a >= b`.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len());
    let mut borrow = 0;
    for (i, mine) in a.iter().rev().enumerate() {
        let theirs = b.len().checked_sub(i + 1).and_then(|at| b.get(at)).map_or(0, |d| d - b'0') + borrow;
        let mine = mine - b'0';
        borrow = u8::from(mine < theirs);
        out.push(b'0' + mine + 10 * borrow - theirs);
    }
    out.reverse();
    out
}

impl NumberKey {
    /// The key of a number as received.
    pub fn of(text: &str) -> NumberKey {
        if let Some(small) = small_integer(text).or_else(|| small_decimal(text)) {
            return small;
        }
        let decimal = Decimal::parse(text);
        if !decimal.bounded {
            return NumberKey::Literal(text.to_ascii_lowercase());
        }
        if decimal.is_zero() {
            return NumberKey::Small { negative: false, magnitude: 0 };
        }
        if decimal.exponent < 0 {
            return match text.parse::<f64>() {
                Ok(value) if value.is_finite() && value != 0.0 => NumberKey::Float(value.to_bits()),
                _ => NumberKey::Exact(decimal),
            };
        }
        match fits(&decimal) {
            Some(magnitude) => NumberKey::Small { negative: decimal.negative, magnitude },
            None => NumberKey::Exact(decimal),
        }
    }
}

/// The usual case, without an allocation: up to 19 plain digits.
fn small_integer(text: &str) -> Option<NumberKey> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut magnitude = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    Some(NumberKey::Small { negative: negative && magnitude != 0, magnitude })
}

/// The next usual case: at most 15 digits with a point among them and no exponent. Then both the digits and the power of
/// ten are exact as binary64, and their quotient is the nearest one (Clinger, 1990).
fn small_decimal(text: &str) -> Option<NumberKey> {
    const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, bytes),
    };
    let (mut value, mut after, mut zeros, mut point) = (0_u64, 0_usize, 0_usize, false);
    if digits.len() > 16 {
        return None;
    }
    for byte in digits {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                after += usize::from(point);
                zeros = if *byte == b'0' && point { zeros + 1 } else { 0 };
            }
            _ => return None,
        }
    }
    let (value, after) = (value / 10_u64.pow(zeros as u32), after - zeros);
    if !point {
        return None;
    }
    if after == 0 {
        return Some(NumberKey::Small { negative: negative && value != 0, magnitude: value });
    }
    let magnitude = value as f64 / POWERS.get(after)?;
    Some(NumberKey::Float(if negative { -magnitude } else { magnitude }.to_bits()))
}

fn fits(decimal: &Decimal) -> Option<u64> {
    if decimal.magnitude() > 20 {
        return None;
    }
    let mut value = 0_u64;
    for digit in &decimal.digits {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    for _ in 0..decimal.exponent {
        value = value.checked_mul(10)?;
    }
    Some(value)
}

//! The few distributions that evidence needs, exact to some twelve digits: binomial tails and the bounds made of them.

/// Steps of a continued fraction; it converges in far fewer (about the square root of the larger parameter).
const STEPS: usize = 10_000;
const TINY: f64 = 1e-300;
const CLOSE: f64 = 1e-14;

/// The natural logarithm of the gamma function for positive arguments (Lanczos, g = 7, nine coefficients).
pub(super) fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection (DLMF 5.5.3).
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let base = x + 7.5;
    let series = COEFFICIENTS.iter().enumerate().skip(1).fold(COEFFICIENTS[0], |sum, (i, c)| sum + c / (x + i as f64));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * base.ln() - base + series.ln()
}

/// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22, evaluated as Lentz does).
pub(super) fn beta_inc(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_inc(b, a, 1.0 - x);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..STEPS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < CLOSE {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

/// The chance of at least `k` of `n` where each comes with chance `p`.
pub(super) fn at_least(k: u64, n: u64, p: f64) -> f64 {
    match k {
        0 => 1.0,
        k if k > n => 0.0,
        k => beta_inc(k as f64, (n - k) as f64 + 1.0, p),
    }
}

/// The smallest rate that `k` of `n` do not rule out at this level, one-sided (Clopper and Pearson, 1934).
pub(super) fn lower_bound(k: u64, n: u64, level: f64) -> f64 {
    if k == 0 || n == 0 {
        return 0.0;
    }
    root(|p| at_least(k, n, p) - level)
}

/// The largest such rate.
pub(super) fn upper_bound(k: u64, n: u64, level: f64) -> f64 {
    if n == 0 || k >= n {
        return 1.0;
    }
    root(|p| (1.0 - level) - at_least(k + 1, n, p))
}

/// The first number above `low` for which this holds, where it goes on holding from there on; `high`, for which it is not asked,
/// where it holds for none below.
pub(super) fn first(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}

/// Where a function of a rate changes its sign, by bisection.
fn root(of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let rising = of(1.0) > of(0.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if (of(middle) > 0.0) == rising { high = middle } else { low = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1e-3)
    }

    #[test]
    fn tails_agree_with_a_sum() {
        let choose = |n: u64, k: u64| (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
        for (n, p) in [(1, 0.5), (7, 0.5), (40, 0.1), (60, 0.93)] {
            for k in 0..=n {
                let sum: f64 = (k..=n).map(|i| choose(n, i) * p_pow(p, i) * p_pow(1.0 - p, n - i)).sum();
                assert!(near(at_least(k, n, p), sum), "{k} of {n} at {p}: {} {sum}", at_least(k, n, p));
            }
        }
        assert_eq!(at_least(3, 2, 0.5), 0.0);
    }

    fn p_pow(p: f64, times: u64) -> f64 {
        p.powi(times as i32)
    }

    #[test]
    fn bounds_are_those_of_the_tables() {
        // "0 of n": 1 - level^(1/n); 300 clean ones bound the rate below 1 %.
        assert!(near(upper_bound(0, 300, 0.05), 1.0 - 0.05_f64.powf(1.0 / 300.0)));
        assert!(upper_bound(0, 300, 0.05) < 0.01 && upper_bound(0, 290, 0.05) > 0.01);
        assert!(near(lower_bound(10, 10, 0.05), 0.05_f64.powf(0.1)));
        assert!((lower_bound(5, 50, 0.025) - 0.033_275).abs() < 1e-5, "{}", lower_bound(5, 50, 0.025));
        assert!((upper_bound(5, 50, 0.025) - 0.218_135).abs() < 1e-5, "{}", upper_bound(5, 50, 0.025));
        assert_eq!((lower_bound(0, 9, 0.05), upper_bound(9, 9, 0.05), upper_bound(0, 0, 0.05)), (0.0, 1.0, 1.0));
    }

    #[test]
    fn large_counts_do_not_lose_their_digits() {
        let half = at_least(50_000, 100_000, 0.5);
        assert!((half - 0.501_261_566).abs() < 1e-7, "{half}");
        assert!(at_least(1, 100_000, 1e-5) > 0.63 && at_least(1, 100_000, 1e-5) < 0.64);
    }
}

//! Splitting an amount by weights so that the parts add up: the largest-remainder method.

/// Parts of `total` (minor units, not negative) in proportion to `weights`, adding up to `total` exactly.
///
/// Each part is rounded down, and the units left over go to the largest remainders, ties to the earlier. A weight of 0 gets 0.
/// If every weight is 0 nothing can be handed out, and every part is 0.
///
/// Source: Hamilton's method. It is not monotone: at 42.86/42.86/14.28 a total of 11 splits 5/5/1 and 10 splits 4/4/2.
pub fn largest_remainder(total: i64, weights: &[i64]) -> Vec<i64> {
    debug_assert!(total >= 0 && weights.iter().all(|&w| w >= 0), "amounts and weights are not negative");
    let sum: i128 = weights.iter().map(|&w| i128::from(w)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: i64| i128::from(total) * i128::from(weight);
    let mut parts: Vec<i64> = weights.iter().map(|&w| i64::try_from(exact(w) / sum).expect("at most the total")).collect();
    let left = total - parts.iter().sum::<i64>();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|&n| std::cmp::Reverse(exact(weights[n]) % sum)); // stable: ties keep their order
    for &n in by_remainder.iter().take(usize::try_from(left).expect("fewer left over than parts")) {
        parts[n] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_examples() {
        assert_eq!(largest_remainder(600, &[60, 30, 10]), [360, 180, 60]);
        assert_eq!(largest_remainder(11, &[4286, 4286, 1428]), [5, 5, 1]);
        assert_eq!(largest_remainder(10, &[4286, 4286, 1428]), [4, 4, 2]);
        assert_eq!(largest_remainder(1, &[1, 1, 1]), [1, 0, 0], "ties to the earlier");
        assert_eq!(largest_remainder(5, &[0, 100, 0]), [0, 5, 0]);
        assert_eq!(largest_remainder(5, &[0, 0]), [0, 0]);
    }
}

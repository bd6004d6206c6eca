//! Chance with a fixed seed: the same demo each time.

/// `SplitMix64` (Steele, Lea, Flood 2014): one addition and three mixings a number, which is random enough for shoppers.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included; `low` if there is nothing between.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low + i64::try_from(self.next() % span).unwrap_or(0)
    }

    /// True so many times of a thousand.
    pub fn permille(&mut self, times: i64) -> bool {
        self.between(0, 999) < times
    }

    /// One of them; `from` is not empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// A place in a list, each as often as its weight says; the first if none has any.
    pub fn weighted(&mut self, weights: &[i64]) -> usize {
        let mut rest = self.between(0, (weights.iter().sum::<i64>() - 1).max(0));
        for (place, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return place;
            }
            rest -= weight;
        }
        0
    }

    /// A place in a list of so many.
    pub fn index(&mut self, length: usize) -> usize {
        let last = i64::try_from(length).unwrap_or(i64::MAX) - 1;
        usize::try_from(self.between(0, last.max(0))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_way_and_stays_in_range() {
        let roll = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| dice.between(1, 6)).collect::<Vec<_>>()
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
        assert!((1..=6).all(|face| roll(7).contains(&face)) && roll(7).iter().all(|face| (1..=6).contains(face)));
        assert_eq!(Dice::new(1).between(5, 5), 5);
        let mut dice = Dice::new(3);
        let places: Vec<usize> = (0..400).map(|_| dice.weighted(&[1, 0, 3])).collect();
        let often = |place| places.iter().filter(|&&other| other == place).count();
        assert!((60..140).contains(&often(0)) && often(1) == 0 && often(2) > 260, "{}", often(0));
    }
}

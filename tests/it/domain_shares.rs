//! Shares add up to the commission: for any percentages, amounts, currencies, weights, gifts and expiry.

use crate::support::{
    domain::{Blog, HOUR, World, currency, noon, pays, property, sale, terms},
    domain_cases::Dice,
};
use proptest::{collection::vec, prelude::any};
use ristourne::domain::{
    attribution::Credited,
    command::Outcome,
    order::Actor,
    publisher::Kind,
    sale::OpenedClick,
    split::split,
    terms::{Model, Terms, UnclaimedTo, pay::Pay},
};
use ristourne::kernel::{
    id::PublisherId,
    money::{MINOR_MAX, Money},
    percent::Percent,
    share::largest_remainder,
};

#[test]
fn parts_add_up_and_none_is_further_than_a_unit_from_exact() {
    property(10_000, 2, (0..=MINOR_MAX, vec(0..=1_000_000_i64, 1..8)), |(total, weights)| {
        let parts = largest_remainder(total, &weights);
        let sum: i64 = weights.iter().sum();
        assert_eq!(parts.iter().sum::<i64>(), if sum == 0 { 0 } else { total });
        let rest = |n: usize| i128::from(total) * i128::from(weights[n]) % i128::from(sum);
        let floor = |n: usize| i64::try_from(i128::from(total) * i128::from(weights[n]) / i128::from(sum)).expect("small");
        for n in (0..parts.len()).filter(|_| sum > 0) {
            let extra = parts[n] - floor(n);
            assert!((0..=1).contains(&extra), "{parts:?}");
            // Who got a unit has the larger remainder, or the same and stands before.
            for m in (0..parts.len()).filter(|&m| extra == 1 && parts[m] == floor(m)) {
                assert!(rest(n) > rest(m) || (rest(n) == rest(m) && n < m), "{total} by {weights:?} is {parts:?}");
            }
            assert!(weights[n] > 0 || parts[n] == 0, "a share of 0 % stays 0");
        }
    });
}

#[test]
fn shares_gifts_and_expiry_add_up() {
    let credits = vec((1..=1_000_i64, 0..=1_000_000_u32), 1..7);
    let expiry = proptest::option::of(proptest::sample::select(vec![UnclaimedTo::Publisher, UnclaimedTo::Platform, UnclaimedTo::Merchant]));
    property(10_000, 3, (0..=MINOR_MAX, vec(any::<u16>(), 12), credits, expiry), |(commission, choices, credits, expired_to)| {
        let percents = Dice::new(&choices).split();
        let credited = |(n, (weight, generosity)): (i64, &(i64, u32))| Credited {
            publisher: PublisherId::from_raw(n),
            link: None,
            click: None,
            weight: *weight,
            generosity: Percent::from_parts(*generosity).expect("at most 100 %"),
        };
        let credited: Vec<Credited> = (0..).zip(&credits).map(credited).collect();
        let shared = split(&percents, commission, &credited, expired_to);
        let sum = |shares: ristourne::domain::conversion::Shares| shares.publisher + shares.buyer + shares.platform;
        assert_eq!(sum(shared.by_terms), commission);
        assert_eq!(sum(shared.shares), shared.commission);
        assert_eq!(shared.credits.iter().map(|credit| credit.amount).sum::<i64>(), shared.shares.publisher);
        assert!(shared.credits.iter().all(|credit| credit.amount >= 0));
        for (share, part) in [(percents.publisher, shared.by_terms.publisher), (percents.buyer, shared.by_terms.buyer)] {
            assert!(share > Percent::ZERO || part == 0);
        }
        let given: i64 = shared.gifts.iter().sum();
        let buyers = shared.by_terms.buyer + given;
        match expired_to {
            None => assert_eq!((shared.shares.buyer, shared.expired, shared.commission), (buyers, 0, commission)),
            Some(to) => {
                assert_eq!((shared.shares.buyer, shared.expired), (0, buyers));
                let (publisher, platform) = (shared.by_terms.publisher - given, shared.by_terms.platform);
                let expected = match to {
                    UnclaimedTo::Publisher => (publisher + buyers, platform, commission),
                    UnclaimedTo::Platform => (publisher, platform + buyers, commission),
                    UnclaimedTo::Merchant => (publisher, platform, commission - buyers),
                };
                assert_eq!((shared.shares.publisher, shared.shares.platform, shared.commission), expected);
            }
        }
    });
}

#[test]
fn decided_orders_add_up_in_every_currency() {
    // The world checks the sums of everything that is decided in it; the exact commission is worked out again here.
    property(10_000, 4, (0..=5_usize, 1..=MINOR_MAX / 100, vec(any::<u16>(), 60)), |(code, sold, choices)| {
        let mut dice = Dice::new(&choices);
        let code = ["EUR", "JPY", "KWD", "CLF", "USD", "TND"][code];
        let percent = dice.percent();
        let mut terms = Terms { currency: currency(code), commission: vec![pays(Pay::Percent(percent))], split: dice.split(), ..terms() };
        terms.attribution.model = [Model::Linear, Model::Position, Model::TimeDecay][dice.below(3)];
        terms.unclaimed_to = [UnclaimedTo::Publisher, UnclaimedTo::Platform, UnclaimedTo::Merchant][dice.below(3)];
        let mut world = World::with(terms);
        let generosities = ["0", "12.5", "100", "0.0001"];
        let blogs: Vec<Blog> = (0..=dice.below(4)).map(|_| world.publisher(Kind::Content, generosities[dice.below(4)], None)).collect();
        let clicks: Vec<OpenedClick> = blogs.iter().map(|blog| world.click(*blog, dice.between(0, 600) * HOUR)).collect();
        let mut said = sale("1.00").clicks(&clicks);
        said.0.content.amount = Money::new(sold, currency(code));
        said.0.content.lines[0].amount = sold;
        assert_eq!(world.sell("A-1", &said).http(), 201);
        let exact = |minor: i64| (i128::from(minor) * i128::from(percent.parts()) * 2 + 1_000_000) / 2_000_000;
        assert_eq!(i128::from(world.conversion("A-1").commission.minor), exact(sold), "half up, once");
        let back = dice.between(1, sold);
        world.refund("A-1", "R-1", ristourne::domain::sale::Refund::Amount(Money::new(back, currency(code))));
        assert_eq!(i128::from(world.conversion("A-1").commission.minor), exact(sold - back));
        world.approve("A-1", Actor::Merchant);
        world.now = noon().plus_days(31);
        assert!(matches!(world.expire("A-1"), Outcome::Recorded(_) | Outcome::Refused(_)));
        world.balances();
    });
}

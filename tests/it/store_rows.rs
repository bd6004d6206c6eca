//! The aggregates' own reads and writes on both databases.
use crate::store_world::{BLOG, BUYER, EURO, LINK, MERCHANT, OTHER_BLOG, OTHER_LINK, World, click, key, now, program, publisher, sale};
use crate::support::for_each_database;
use ristourne::domain::{
    access::Whose,
    click::{Click, Quality},
    command::Act,
    facet::Facet,
    facts::Coupon,
    fold::Counter,
    key::{Key, Role},
    order::Actor,
};
use ristourne::engine::folder;
use ristourne::kernel::{
    country::Country,
    currency::Currency,
    id::{ClickId, CouponId, KeyId, LinkId, MerchantId, ProgramId, SecretId, lowest_at},
    money::Money,
    time::{DAY, SECOND, Time, Zone},
};
use ristourne::store::{self, Tx, direct::InsertTx, link::Link, seal_key::StoredKey, stat};
use std::collections::HashSet;

#[tokio::test]
async fn parties_come_back_as_they_went_in() {
    for_each_database(async |url| {
        let world = World::new(url).await;
        let mut tx = world.db().begin().await.expect("begins");
        assert_eq!(store::program::by_id(&mut tx, EURO).await.expect("loads"), Some(program(EURO, Currency::EUR)));
        assert_eq!(store::program::by_id(&mut tx, ProgramId::from_raw(99)).await.expect("loads"), None);
        assert_eq!(store::publisher::by_id(&mut tx, BLOG).await.expect("loads"), Some(publisher(BLOG, "Blog@example.org")));
        assert_eq!(store::buyer::by_id(&mut tx, BUYER).await.expect("loads").and_then(|b| b.email).as_deref(), Some("reader@example.org"));
        assert_eq!(
            store::merchant::list(&mut tx, store::merchant::Wanted::default(), Some(MerchantId::from_raw(2)), 5)
                .await
                .expect("loads")
                .len(),
            1
        );
        assert_eq!(store::merchant::list(&mut tx, store::merchant::Wanted::default(), Some(MERCHANT), 5).await.expect("loads").len(), 0);
        let later = now().plus(DAY);
        assert!(store::program::end(&mut tx, EURO, later).await.expect("ends"));
        assert!(!store::program::end(&mut tx, EURO, later).await.expect("has ended"));
        let changed = store::program::changed_since(&mut tx, later).await.expect("loads");
        assert_eq!(changed.iter().map(|p| (p.id, p.ended_at)).collect::<Vec<_>>(), [(EURO, Some(later))]);
        assert_eq!(store::program::list(&mut tx, Some(MERCHANT), None, 1).await.expect("loads").len(), 1);

        let taken = Link { id: LinkId::from_raw(50), slug: "one".into(), program: EURO, publisher: BLOG, url: None, ended_at: None };
        assert!(!store::link::insert(&mut tx, &taken, now()).await.expect("is refused"), "the slug is taken");
        assert_eq!(store::link::by_slug(&mut tx, "one").await.expect("loads").map(|link| link.id), Some(LINK));
        assert_eq!(store::link::by_slug(&mut tx, "One").await.expect("loads"), None, "slugs tell cases apart");
        let wanted = store::link::Wanted { publisher: Some(OTHER_BLOG), ..Default::default() };
        assert_eq!(store::link::list(&mut tx, wanted, None, 9).await.expect("loads").len(), 1);
        assert_eq!(store::link::all(&mut tx).await.expect("loads").len(), 3);

        let coupon =
            Coupon { id: CouponId::from_raw(1), program: EURO, code: "BLOG10".into(), publisher: BLOG, from: None, until: Some(later) };
        assert!(store::coupon::insert(&mut tx, &coupon, now()).await.expect("inserts"));
        let same = Coupon { id: CouponId::from_raw(2), code: "blog10".into(), ..coupon.clone() };
        assert!(!store::coupon::insert(&mut tx, &same, now()).await.expect("is refused"));
        assert_eq!(store::coupon::by_codes(&mut tx, &[EURO], &["blog10", "x"]).await.expect("loads"), [coupon]);

        assert_eq!(store::terms::insert(&mut tx, EURO, later, crate::store_world::TERMS, now()).await.expect("inserts"), 2);
        let versions = store::terms::list(&mut tx, EURO).await.expect("loads");
        assert_eq!(versions.iter().map(|v| (v.version, v.effective_at)).collect::<Vec<_>>(), [(1, now()), (2, later)]);
        assert_eq!(store::terms::get(&mut tx, EURO, 2).await.expect("loads").map(|v| v.body).as_deref(), Some(crate::store_world::TERMS));
        tx.commit().await.expect("commits");
    })
    .await;
}

#[tokio::test]
async fn keys_and_secrets() {
    for_each_database(async |url| {
        let world = World::new(url).await;
        let mut tx = world.db().begin().await.expect("begins");
        let key = Key { id: KeyId::from_raw(1), role: Role::Publisher, owner: Some(BLOG.raw()), name: Some("é".into()) };
        store::key::insert(&mut tx, &key, &[1; 32], now()).await.expect("inserts");
        assert_eq!(store::key::by_hash(&mut tx, &[1; 32]).await.expect("loads"), Some(key.clone()));
        assert_eq!(store::key::by_hash(&mut tx, &[2; 32]).await.expect("loads"), None);
        assert!(store::key::revoke(&mut tx, key.id, now()).await.expect("revokes"));
        assert_eq!(store::key::by_hash(&mut tx, &[1; 32]).await.expect("loads"), None);

        store::secret::insert(&mut tx, SecretId::from_raw(1), MERCHANT, b"sealed", now()).await.expect("inserts");
        store::secret::insert(&mut tx, SecretId::from_raw(2), MERCHANT, b"other", now()).await.expect("inserts");
        assert!(!store::secret::revoke(&mut tx, MerchantId::from_raw(9), SecretId::from_raw(1), now()).await.expect("not theirs"));
        let later = now().plus(SECOND);
        assert!(store::secret::revoke(&mut tx, MERCHANT, SecretId::from_raw(1), later).await.expect("revokes"));
        assert_eq!(store::secret::live(&mut tx).await.expect("loads").len(), 1);
        assert_eq!(store::secret::live_of_merchant(&mut tx, MERCHANT).await.expect("loads")[0].sealed, b"other");
        let changed = store::secret::changed_since(&mut tx, later).await.expect("loads");
        assert_eq!(changed.iter().map(|s| (s.id.raw(), s.revoked_at)).collect::<Vec<_>>(), [(1, Some(later))]);
        assert!(!format!("{changed:?}").contains("sealed"), "a secret is not shown");

        store::seal_key::lock(&mut tx).await.expect("locks");
        let sealing = StoredKey { number: 0, sealed: vec![1, 2], created_at: now() };
        store::seal_key::insert(&mut tx, &sealing).await.expect("inserts");
        assert_eq!(store::seal_key::all(&mut tx).await.expect("loads"), [sealing]);
        tx.commit().await.expect("commits");
    })
    .await;
}

#[tokio::test]
async fn node_numbers_are_leased() {
    for_each_database(async |url| {
        let world = World::new(url).await;
        let mut tx = world.db().begin().await.expect("begins");
        let (start, end) = (now(), now().plus(DAY));
        assert_eq!(store::node::acquire(&mut tx, "a", start, end).await.expect("runs"), Some(0));
        assert_eq!(store::node::acquire(&mut tx, "b", start, end).await.expect("runs"), Some(1));
        assert!(store::node::renew(&mut tx, 0, "a", end.plus(DAY)).await.expect("runs"));
        assert!(!store::node::renew(&mut tx, 0, "b", end).await.expect("runs"), "not theirs");
        assert_eq!(store::node::reclaim(&mut tx, "b", end).await.expect("runs"), Some(1));
        assert_eq!(store::node::reclaim(&mut tx, "c", end).await.expect("runs"), None);
        assert_eq!(store::node::acquire(&mut tx, "c", end, end.plus(DAY)).await.expect("runs"), Some(1), "b's lease has run out");
        assert!(!store::node::renew(&mut tx, 1, "b", end.plus(DAY)).await.expect("runs"));
        store::node::release(&mut tx, 0, "a").await.expect("runs");
        assert_eq!(store::node::acquire(&mut tx, "d", start, end).await.expect("runs"), Some(0));
        tx.commit().await.expect("commits");
        let mut a = world.db().clone().begin().await.expect("begins");
        assert_eq!(store::node::highest_id(&mut a).await.expect("runs"), BUYER.raw());
    })
    .await;
}

fn row(n: i64, link: LinkId, quality: Quality, at: Time) -> Click {
    Click {
        id: ClickId::from_raw(lowest_at(at) + n),
        link,
        publisher: BLOG,
        program: EURO,
        at,
        quality,
        consent: true,
        buyer: (n % 2 == 0).then_some(BUYER),
        address: Some("192.0.2.1".into()),
        country: Country::parse("FR"),
        agent: Some(format!("Agent/{}", n % 3)),
        referrer: None,
        subs: [Some("a".into()), None, None, None, Some("'\u{1f980}".into())],
        url: None,
    }
}

#[tokio::test]
async fn clicks_count_once() {
    for_each_database(async |url| {
        let mut world = World::new(url).await;
        let (today, tomorrow) = (now(), now().plus(DAY));
        let mut clicks: Vec<Click> = (0..200).map(|n| row(n, LINK, Quality::Ok, today)).collect();
        clicks.push(row(200, LINK, Quality::Bot, today));
        clicks.push(Click { publisher: OTHER_BLOG, ..row(0, OTHER_LINK, Quality::Ok, tomorrow) });
        let all: Vec<&Click> = clicks.iter().collect();
        let mut direct = world.db().direct();
        let mut counter = Counter::new(Zone::UTC);
        let mut tx = InsertTx::begin(world.db(), direct.as_mut()).await.expect("begins");
        let phrases = store::click::insert_new(&mut tx, &mut counter, &all[..150], &HashSet::new()).await.expect("inserts");
        assert_eq!(phrases.len(), 3);
        let known: HashSet<i64> = phrases.into_iter().collect();
        let (phrases, taken) = store::click::insert_missing(&mut tx, &mut counter, &all, &known).await.expect("inserts");
        assert_eq!((phrases.len(), taken), (0, (0..150).collect()));
        assert_eq!(store::click::insert_missing(&mut tx, &mut counter, &[all[0], all[0]], &known).await.expect("runs").1, [0, 1]);
        tx.commit().await.expect("commits");
        let mut tx = world.db().read().await.expect("reads");
        let known = store::click::stored(&mut tx, &[clicks[7].id, ClickId::from_raw(1)]).await.expect("runs");
        assert_eq!(known, HashSet::from([clicks[7].id]));
        let stored = store::click_list::by_id(&mut tx, clicks[7].id).await.expect("loads").expect("is there");
        assert_eq!((stored.agent, stored.subs, stored.buyer), (clicks[7].agent.clone(), clicks[7].subs.clone(), None));

        let act = Act::Sale { key: key(EURO, "A"), sale: sale(11_999, Currency::EUR, &[click(LINK, 1)]) };
        world.one(Actor::Merchant, act).await;
        let act = Act::Sale { key: key(EURO, "B"), sale: sale(11_999, Currency::EUR, &[click(LINK, 2)]) };
        world.one(Actor::Merchant, act).await;
        world.one(Actor::Merchant, Act::Reject { key: key(EURO, "B"), reason: None }).await;
        let mut tx = world.db().read().await.expect("reads");
        reports(&mut tx, tomorrow).await;
        tx.commit().await.expect("commits");
        // Folded, it is the same, however often.
        for _ in 0..2 {
            folder::fold_all(world.db()).await.expect("folds");
            let mut tx = world.db().read().await.expect("reads");
            assert!(store::fold::pending(&mut tx, 1).await.expect("reads").is_empty());
            reports(&mut tx, tomorrow).await;
        }
        folder::rebuild(world.db(), &Zone::UTC).await.expect("folds anew");
        reports(&mut world.db().read().await.expect("reads"), tomorrow).await;
    })
    .await;
}

async fn reports(tx: &mut Tx, tomorrow: Time) {
    let report = stat::clicks(tx, stat::By::Link, &stat::Wanted::default()).await.expect("loads");
    let shown: Vec<_> =
        report.iter().map(|r| (r.part.clone(), r.tally.raw, r.tally.counted, r.tally.conversions(), r.commission())).collect();
    let euros = |minor| vec![Money::new(minor, Currency::EUR)];
    assert_eq!(shown, [(stat::Part::Link(Some(LINK)), 201, 200, 1, euros(600)), (stat::Part::Link(Some(OTHER_LINK)), 1, 1, 0, vec![])]);
    assert_eq!((report[0].epc(), report[0].conversion_rate()), (Ok(euros(3)), Ok(Some("0.0050".to_owned()))));
    let day = Zone::UTC.day(tomorrow);
    let since = stat::Wanted { since: Some(day), ..Default::default() };
    let by_day = stat::clicks(tx, stat::By::Day, &since).await.expect("loads");
    assert_eq!(by_day.iter().map(|r| (r.part.clone(), r.tally.raw)).collect::<Vec<_>>(), [(stat::Part::Day(day), 1)]);
    let whose = Whose { publisher: Some(BLOG), ..Whose::default() };
    for by in [stat::By::Publisher, stat::By::Program] {
        let rows = stat::clicks(tx, by, &stat::Wanted { whose, ..Default::default() }).await.expect("loads");
        assert_eq!(rows.iter().map(|r| (r.tally.raw, r.tally.conversions())).collect::<Vec<_>>(), [(201, 1)]);
    }
    // The sale's click is not stored: its words are not known.
    let by_country = stat::clicks(tx, stat::By::Facet(Facet::Country), &stat::Wanted { program: Some(EURO), ..Default::default() }).await;
    let shown: Vec<_> = by_country.expect("loads").into_iter().map(|r| (r.part, r.tally.raw, r.tally.conversions())).collect();
    assert_eq!(shown, [(stat::Part::Value("FR".to_owned()), 202, 0), (stat::Part::Value("unknown".to_owned()), 0, 1)]);
}

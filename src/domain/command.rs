//! Commands: everything that may post, and the message that brought it.

pub use crate::domain::outcome::{Outcome, PayoutDone, TieVerdict};
use crate::domain::{
    claim::ClaimReason,
    idempotency::{Kept, Slot, is_kept},
    movement::What,
    order::{Actor, FactKind, Order},
    payout::Step,
    rate::Rate,
    sale::{OpenedClick, OrderKey, Refund, Sale},
    touch::ClickTie,
    verdict::Grounds,
    word::words,
};
use crate::kernel::{
    currency::Currency,
    fields::FieldErrors,
    id::{BuyerId, ClaimId, ClickId, InboxId, MerchantId, MovementId, ProgramId},
    money::Money,
    time::{Day, Time},
};
use std::{fmt, sync::Arc};

words! {
    /// How a message came in.
    pub enum Channel {
        Postback = "postback",
        SignedUrl = "signed_url",
        Pixel = "pixel",
        Api = "api",
        Import = "import",
        Clock = "clock",
    }
}

/// What came in, kept with its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: InboxId,
    pub received_at: Time,
    pub channel: Channel,
    pub by: Actor,
    /// As far as known.
    pub merchant: Option<MerchantId>,
    pub program: Option<ProgramId>,
    /// `webhook-id`, unique per merchant.
    pub webhook_id: Option<String>,
    /// The raw body or query; of unauthenticated ones the first 4 KiB.
    pub body: Vec<u8>,
    /// SHA-256 of the whole body.
    pub body_hash: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub message: Message,
    /// Judge it, and touch nothing but the inbox.
    pub test: bool,
    pub act: Act,
    /// Its sender's `Idempotency-Key`: if there is an answer under it, that is the answer again, and nothing else happens.
    pub once: Option<Box<Once>>,
}

impl Command {
    /// A command that counts each time.
    pub fn new(message: Message, act: Act) -> Self {
        Self { message, test: false, act, once: None }
    }
}

/// Writes an outcome as the answer that its sender gets: HTTP status and bytes. The same outcome always gives the same.
pub type Render = dyn Fn(&Outcome) -> (u16, Vec<u8>) + Send + Sync;

/// What makes a command one that takes effect once.
#[derive(Clone)]
pub struct Once {
    pub slot: Slot,
    pub body_hash: [u8; 32],
    pub render: Arc<Render>,
}

impl Once {
    /// What is kept of the answer to this outcome, if anything.
    pub fn keep(&self, outcome: &Outcome) -> Option<(Slot, Kept)> {
        let (status, answer) = (self.render)(outcome);
        is_kept(status).then(|| (self.slot.clone(), Kept { body_hash: self.body_hash, status, answer, sealed: false }))
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("slot", &self.slot).finish_non_exhaustive()
    }
}

/// Two that are kept in the same place for the same body are the same request.
impl PartialEq for Once {
    fn eq(&self, other: &Self) -> bool {
        self.slot == other.slot && self.body_hash == other.body_hash
    }
}
impl Eq for Once {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Sale {
        key: OrderKey,
        sale: Sale,
    },
    Refund {
        key: OrderKey,
        refund_id: String,
        refund: Refund,
    },
    Cancel {
        key: OrderKey,
        reason: Option<Grounds>,
    },
    /// By the message's actor.
    Approve {
        key: OrderKey,
    },
    Reject {
        key: OrderKey,
        reason: Option<Grounds>,
    },
    /// The operator takes its rejection and cancellation away.
    Reopen {
        key: OrderKey,
        reason: Grounds,
    },
    Adjust {
        key: OrderKey,
        amount: Money,
        reason: Option<Grounds>,
    },
    MerchantPaid {
        key: OrderKey,
    },
    /// The same, if the merchant still owes nothing.
    CreditCovers {
        key: OrderKey,
    },
    /// The same, if every document of its merchant that bills the order is still paid.
    InvoicePaid {
        key: OrderKey,
        merchant: MerchantId,
    },
    /// The time to claim the share is over.
    Expire {
        key: OrderKey,
    },
    /// A sign-in: these clicks are this buyer's.
    Tie {
        buyer: BuyerId,
        clicks: Vec<OpenedClick>,
    },
    /// Rates of a day, units per euro.
    Rates {
        day: Day,
        rates: Vec<(Currency, Rate)>,
    },
    /// A sale parked for want of a rate, now that one has come.
    Release {
        key: OrderKey,
    },
    /// What another database of ours exported, taken over with what was looked up for it then.
    Restore(Restored),
    /// A buyer misses cashback.
    Claim(Box<NewClaim>),
    /// `key` is the claim's.
    Answer {
        claim: ClaimId,
        key: OrderKey,
        answer: Answered,
    },
    /// Money moves beside orders.
    Move(What, Moved),
    /// Undoes a movement.
    Reverse {
        movement: MovementId,
        reason: Option<String>,
    },
    /// Issues a document of what a merchant owes since before `until`; in the one currency there is, if none is named.
    Invoice {
        merchant: MerchantId,
        currency: Option<Currency>,
        until: Time,
    },
    /// Something about payouts.
    Payout(Step),
    /// Settled payments hold other parts of the order than it knows.
    CountPaid {
        key: OrderKey,
    },
    /// Refused before it could be a command; only noted.
    Refused {
        http: u16,
        code: &'static str,
        errors: FieldErrors,
    },
}

/// How much moves, and what people are told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Above zero.
    pub amount: Money,
    pub reason: Option<String>,
    pub reference: Option<String>,
    /// When the money moved; the time of receipt if nobody says.
    pub happened_at: Option<Time>,
}

/// What a buyer says of an order whose cashback they miss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClaim {
    pub buyer: BuyerId,
    pub key: OrderKey,
    /// What they paid, in the program's currency.
    pub amount: Option<Money>,
    pub ordered_at: Option<Time>,
    pub note: Option<String>,
    /// How long the merchant has to answer.
    pub answer_days: u32,
    /// Claims of one buyer that may wait at once.
    pub open_max: u32,
}

/// How a claim is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The order is the buyer's. `amount`: what was sold, where the sale is not known yet; in the program's currency.
    Accept {
        amount: Option<Money>,
    },
    Refuse {
        reason: ClaimReason,
        text: Option<String>,
    },
    Goodwill(Goodwill),
    /// The merchant's time is over.
    Escalate,
}

/// A bonus in the place of cashback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodwill {
    pub amount: Money,
    /// The merchant that pays it; none if the platform does.
    pub funder: Option<MerchantId>,
    /// What the buyer reads.
    pub reason: Option<String>,
}

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// `order` holds this one fact, and with a sale the context that was found for it.
    Fact { order: Box<Order>, fact: FactKind },
    /// A click that a sign-in gave a buyer.
    ClickTie { click: ClickId, tie: ClickTie },
}

impl Act {
    /// Whether it has a transaction of its own: what a payout takes is read once, when everything before it is stored.
    pub const fn is_alone(&self) -> bool {
        matches!(self, Self::Payout(_))
    }

    /// The order it is about.
    pub fn key(&self) -> Option<&OrderKey> {
        match self {
            Self::Sale { key, .. }
            | Self::Refund { key, .. }
            | Self::Cancel { key, .. }
            | Self::Approve { key }
            | Self::Reject { key, .. }
            | Self::Reopen { key, .. }
            | Self::Adjust { key, .. }
            | Self::MerchantPaid { key }
            | Self::CreditCovers { key }
            | Self::InvoicePaid { key, .. }
            | Self::Expire { key }
            | Self::Release { key }
            | Self::CountPaid { key }
            | Self::Answer { key, .. } => Some(key),
            Self::Claim(new) => Some(&new.key),
            Self::Restore(Restored::Fact { order, .. }) => Some(&order.key),
            Self::Tie { .. }
            | Self::Rates { .. }
            | Self::Restore(Restored::ClickTie { .. })
            | Self::Move(..)
            | Self::Reverse { .. }
            | Self::Invoice { .. }
            | Self::Payout(_)
            | Self::Refused { .. } => None,
        }
    }
}

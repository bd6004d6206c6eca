//! The journal in the 18 columns of the French Fichier des Écritures Comptables (article A.47 A-1 of the Livre des procédures fiscales),
//! for the accountant's software: final accounts only, in euros, each mapped to an account of the Plan comptable général.

use crate::domain::{
    account::Account,
    entry::{Entry, Kind, Subject},
    series::{Number, Series},
};
use crate::kernel::{
    id::{MerchantId, ProgramId, PublisherId, time_of},
    money::Money,
    time::{Day, Zone},
};
use std::collections::{BTreeMap, HashMap};

/// The columns, in their order.
pub const COLUMNS: [&str; 18] = [
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
];

/// The names of auxiliary accounts, and the numbers of documents. Buyers have none: a book that is kept for ten years holds no person's.
#[derive(Debug, Default)]
pub struct Names {
    pub merchants: HashMap<MerchantId, String>,
    pub publishers: HashMap<PublisherId, String>,
    pub programs: HashMap<ProgramId, String>,
    pub documents: HashMap<Subject, Number>,
}

impl Names {
    /// What the accountant finds the voucher by: the number that stands on a document, else our id.
    fn piece(&self, subject: Subject) -> String {
        let Some(number) = self.documents.get(&subject) else { return subject.to_string() };
        let kind = match number.series {
            Series::Invoice => "Facture",
            Series::CreditNote => "Avoir",
            Series::Statement => "Autofacture",
        };
        format!("{kind} {number}")
    }
}

/// The journals that entries are numbered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Journal {
    Bank,
    Purchases,
    Sales,
    Other,
}

impl Journal {
    /// Money that came or went; else VAT that publishers charge; else what merchants owe; else the rest.
    fn of(entry: &Entry) -> Self {
        let has = |wanted: fn(&Account) -> bool| entry.postings.iter().any(|(account, _)| wanted(account));
        match () {
            () if has(|account| *account == Account::Cash) => Self::Bank,
            () if has(|account| *account == Account::VatDeductible) => Self::Purchases,
            () if has(|account| matches!(account, Account::MerchantOwed(_))) => Self::Sales,
            () => Self::Other,
        }
    }

    const fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::Bank => ("BQ", "Banque"),
            Self::Purchases => ("AC", "Achats"),
            Self::Sales => ("VE", "Ventes"),
            Self::Other => ("OD", "Opérations diverses"),
        }
    }
}

/// An account of the Plan comptable général, with the auxiliary one where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mapped {
    number: &'static str,
    name: &'static str,
    auxiliary: String,
    auxiliary_name: String,
}

fn mapped(account: Account, names: &Names) -> Option<Mapped> {
    let (number, name) = match account {
        account if account.is_pending() => return None,
        Account::MerchantOwed(_) => ("411000", "Clients"),
        Account::Publisher(..) => ("401000", "Fournisseurs"),
        Account::Buyer(..) => ("467000", "Autres comptes débiteurs ou créditeurs"),
        Account::Unclaimed(..) => ("467100", "Cashback non réclamé"),
        Account::PayoutsInFlight => ("467200", "Versements en cours"),
        Account::VatDeductible => ("445660", "TVA déductible sur autres biens et services"),
        Account::VatCollected => ("445710", "TVA collectée"),
        Account::Cash => ("512000", "Banques"),
        Account::PlatformRevenue => ("706000", "Prestations de services"),
        Account::PlatformFees => ("706100", "Frais facturés"),
        Account::PromotionsSpent => ("623000", "Publicité, publications, relations publiques"),
        Account::BankFees => ("627000", "Services bancaires et assimilés"),
        Account::Losses => ("658000", "Charges diverses de gestion courante"),
        Account::Opening => ("890000", "Bilan d’ouverture"),
        // Pending, all of them.
        Account::MerchantPending(_) | Account::PlatformPending | Account::PromotionsPending => return None,
    };
    let called = |id: String, name: Option<&String>| (id.clone(), name.map_or(id, |name| plain(name)));
    let (auxiliary, auxiliary_name) = match account {
        Account::MerchantOwed(id) => called(id.to_string(), names.merchants.get(&id)),
        Account::Publisher(id, _) => called(id.to_string(), names.publishers.get(&id)),
        Account::Unclaimed(id, _) => called(id.to_string(), names.programs.get(&id)),
        Account::Buyer(id, _) => called(id.to_string(), None),
        _ => (String::new(), String::new()),
    };
    Some(Mapped { number, name, auxiliary, auxiliary_name })
}

/// Without what would end a field or a line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What an entry is about, for whoever reads the books.
fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Recorded => "Vente enregistrée",
        Kind::Completed => "Vente complétée",
        Kind::Replaced => "Vente remplacée",
        Kind::Approved => "Vente validée",
        Kind::MerchantPaid => "Payée par le marchand",
        Kind::Refunded => "Remboursement",
        Kind::Adjusted => "Montant corrigé",
        Kind::Rejected => "Vente refusée",
        Kind::Reopened => "Vente rouverte",
        Kind::BuyerTied => "Acheteur identifié",
        Kind::ShareExpired => "Cashback expiré",
        Kind::Claimed => "Réclamation acceptée",
        Kind::Bonus | Kind::BonusEarned => "Bonus",
        Kind::Fee => "Frais",
        Kind::Received => "Règlement reçu",
        Kind::PaidBack => "Avoir remboursé",
        Kind::BankCharge => "Frais bancaires",
        Kind::WrittenOff => "Passage en perte",
        Kind::Waived => "Solde abandonné",
        Kind::TakenOver => "Reprise de soldes",
        Kind::Reversed => "Annulation",
        Kind::Invoiced => "TVA facturée",
        Kind::SelfBilled => "TVA sur autofacture",
        Kind::PayoutPrepared => "Versement préparé",
        Kind::PayoutCancelled => "Versement annulé",
        Kind::PayoutSettled => "Versement effectué",
        Kind::PayoutReturned => "Versement retourné",
    }
}

/// Writes entries, numbered without gaps in each journal.
#[derive(Debug)]
pub struct Writer {
    zone: Zone,
    last: BTreeMap<Journal, u64>,
}

impl Writer {
    /// Days are those of this zone.
    pub fn new(zone: Zone) -> Self {
        Self { zone, last: BTreeMap::new() }
    }

    pub fn head(out: &mut String) {
        line(out, &COLUMNS.map(str::to_owned));
    }

    /// Appends the entry's lines. False if it has none: nothing of it is final, or it only moved within an account of the chart.
    pub fn entry(&mut self, entry: &Entry, names: &Names, out: &mut String) -> bool {
        let mut lines: BTreeMap<Mapped, i64> = BTreeMap::new();
        for (account, debit) in &entry.postings {
            if let Some(mapped) = mapped(*account, names) {
                *lines.entry(mapped).or_default() += debit;
            }
        }
        lines.retain(|_, debit| *debit != 0);
        if lines.is_empty() {
            return false;
        }
        let journal = Journal::of(entry);
        let number = self.last.entry(journal).or_default();
        *number += 1;
        let (code, name) = journal.code();
        let day = date(self.zone.day(entry.at));
        let (piece, of) = (names.piece(entry.subject), date(self.zone.day(time_of(entry.subject.raw()))));
        let about = format!("{} {}", label(entry.kind), entry.subject);
        let amount = |minor: i64| Money::new(minor, entry.currency).amount().to_string().replace('.', ",");
        for (mapped, debit) in lines {
            let fields = [
                code.to_owned(),
                name.to_owned(),
                number.to_string(),
                day.clone(),
                mapped.number.to_owned(),
                mapped.name.to_owned(),
                mapped.auxiliary,
                mapped.auxiliary_name,
                piece.clone(),
                of.clone(),
                about.clone(),
                amount(debit.max(0)),
                amount((-debit).max(0)),
                String::new(),
                String::new(),
                // An entry never changes: it is valid from the start.
                day.clone(),
                String::new(),
                String::new(),
            ];
            line(out, &fields);
        }
        true
    }
}

/// `20261126`.
fn date(day: Day) -> String {
    day.to_string().replace('-', "")
}

fn line(out: &mut String, fields: &[String; 18]) {
    out.push_str(&fields.join("\t"));
    out.push_str("\r\n");
}

/// The parties that an entry names.
pub fn parties(entry: &Entry) -> impl Iterator<Item = Account> + '_ {
    entry.postings.keys().copied().filter(|account| !account.is_pending())
}

/// The name that the tax office wants: `SIRENFECYYYYMMDD`, the day on which the year closes.
pub fn file_name(siren: &str, year: u16) -> String {
    format!("{siren}FEC{year:04}1231.txt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Stage;
    use crate::kernel::{
        currency::Currency,
        id::{ConversionId, EntryId, InvoiceId},
        time::Time,
    };

    fn entry(kind: Kind, postings: &[(Account, i64)]) -> Entry {
        Entry {
            id: EntryId::from_raw(1),
            kind,
            subject: Subject::Order(ConversionId::from_raw(0)),
            at: Time::parse("2026-12-31T23:30:00Z").expect("a time"),
            currency: Currency::EUR,
            postings: postings.iter().copied().collect(),
        }
    }

    #[test]
    fn final_lines_only_and_days_of_the_installation() {
        let (merchant, publisher) = (MerchantId::from_raw(1), PublisherId::from_raw(2));
        let names = Names { merchants: HashMap::from([(merchant, "Librairie\tAB".to_owned())]), ..Names::default() };
        let mut writer = Writer::new(Zone::named("Europe/Paris").expect("a zone"));
        let mut out = String::new();
        let pending = [(Account::MerchantPending(merchant), 600), (Account::Publisher(publisher, Stage::Pending), -600)];
        assert!(!writer.entry(&entry(Kind::Recorded, &pending), &names, &mut out) && out.is_empty());
        let moved = [(Account::Publisher(publisher, Stage::Approved), 600), (Account::Publisher(publisher, Stage::Payable), -600)];
        assert!(!writer.entry(&entry(Kind::MerchantPaid, &moved), &names, &mut out) && out.is_empty());
        let mut approved = pending.map(|(account, amount)| (account, -amount)).to_vec();
        approved.extend([(Account::MerchantOwed(merchant), 600), (Account::Publisher(publisher, Stage::Payable), -600)]);
        assert!(writer.entry(&entry(Kind::Approved, &approved), &names, &mut out));
        let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!((lines.len(), lines[0].len()), (2, 18));
        assert_eq!(lines[0][..6], ["VE", "Ventes", "1", "20270101", "401000", "Fournisseurs"]);
        assert_eq!(lines[0][11..13], ["0,00", "6,00"]);
        assert_eq!((lines[1][4], lines[1][7], lines[1][11], lines[1][12]), ("411000", "Librairie AB", "6,00", "0,00"));
        assert_eq!(lines[0][8], Subject::Order(ConversionId::from_raw(0)).to_string());
        assert_eq!(file_name("123456789", 2026), "123456789FEC20261231.txt");
    }

    #[test]
    fn documents_are_found_by_their_numbers() {
        let (invoice, note) = (Subject::Invoice(InvoiceId::from_raw(1)), Subject::Invoice(InvoiceId::from_raw(2)));
        let number = |series| Number { series, year: 2026, serial: 7 };
        let documents = HashMap::from([(invoice, number(Series::Invoice)), (note, number(Series::CreditNote))]);
        let names = Names { documents, ..Names::default() };
        assert_eq!([names.piece(invoice), names.piece(note)], ["Facture 2026-000007", "Avoir 2026-000007"]);
    }
}

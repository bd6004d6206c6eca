//! SEPA credit transfers: pain.001.001.09, the file that banks take.

use crate::kernel::{
    bank::sepa_text,
    money::Money,
    time::{Day, Time},
};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use std::io;

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";
/// What the scheme takes of a name, and of a text to the payee.
const NAME_CHARS_MAX: usize = 70;
const TEXT_CHARS_MAX: usize = 140;

/// Whose account is debited.
#[derive(Debug, Clone, Copy)]
pub struct Debtor<'a> {
    pub name: &'a str,
    pub iban: &'a str,
    pub bic: Option<&'a str>,
}

/// A message: payments that are debited together.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// At most 35 characters.
    pub id: &'a str,
    pub created_at: Time,
    /// When the bank is to execute it.
    pub execute_on: Day,
    pub debtor: Debtor<'a>,
}

/// One payment, in EUR.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'a> {
    /// At most 35 characters.
    pub id: &'a str,
    pub amount: Money,
    pub name: &'a str,
    pub iban: &'a str,
    pub bic: Option<&'a str>,
    /// What the payee reads.
    pub text: &'a str,
}

/// The same input gives the same bytes.
pub fn write(head: &Head<'_>, transfers: &[Transfer<'_>]) -> io::Result<Vec<u8>> {
    let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 1));
    xml.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let count = transfers.len().to_string();
    let sum = transfers.iter().map(|transfer| transfer.amount.minor).sum();
    let sum = transfers.first().map(|transfer| Money::new(sum, transfer.amount.currency).amount().to_string()).unwrap_or_default();
    xml.with("Document", &[("xmlns", NAMESPACE)], |xml| {
        xml.inside("CstmrCdtTrfInitn", |xml| {
            xml.inside("GrpHdr", |xml| {
                xml.text("MsgId", head.id)?;
                // ISO 20022 takes at most milliseconds.
                xml.text("CreDtTm", &Time::from_millis(head.created_at.millis()).to_string())?;
                xml.text("NbOfTxs", &count)?;
                xml.text("CtrlSum", &sum)?;
                xml.inside("InitgPty", |xml| xml.name(head.debtor.name))
            })?;
            xml.inside("PmtInf", |xml| {
                xml.text("PmtInfId", head.id)?;
                xml.text("PmtMtd", "TRF")?;
                xml.text("NbOfTxs", &count)?;
                xml.text("CtrlSum", &sum)?;
                xml.inside("PmtTpInf", |xml| xml.inside("SvcLvl", |xml| xml.text("Cd", "SEPA")))?;
                xml.inside("ReqdExctnDt", |xml| xml.text("Dt", &head.execute_on.to_string()))?;
                xml.inside("Dbtr", |xml| xml.name(head.debtor.name))?;
                xml.account("DbtrAcct", head.debtor.iban)?;
                xml.inside("DbtrAgt", |xml| xml.agent(head.debtor.bic))?;
                xml.text("ChrgBr", "SLEV")?;
                transfers.iter().try_for_each(|transfer| xml.transfer(transfer))
            })
        })
    })?;
    let mut bytes = xml.0.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn with(&mut self, name: &str, attributes: &[(&str, &str)], inner: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let start = quick_xml::events::BytesStart::new(name).with_attributes(attributes.iter().copied());
        let end = start.to_end().into_owned();
        self.0.write_event(Event::Start(start.borrow()))?;
        inner(self)?;
        self.0.write_event(Event::End(end))
    }

    fn inside(&mut self, name: &str, inner: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        self.with(name, &[], inner)
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.inside(name, |xml| xml.0.write_event(Event::Text(BytesText::new(text))))
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        self.text("Nm", &sepa_text(name, NAME_CHARS_MAX))
    }

    fn account(&mut self, name: &str, iban: &str) -> io::Result<()> {
        self.inside(name, |xml| xml.inside("Id", |xml| xml.text("IBAN", iban)))
    }

    /// A bank that is not named is found by the IBAN; the debtor's must stand there all the same.
    fn agent(&mut self, bic: Option<&str>) -> io::Result<()> {
        self.inside("FinInstnId", |xml| match bic {
            Some(bic) => xml.text("BICFI", bic),
            None => xml.inside("Othr", |xml| xml.text("Id", "NOTPROVIDED")),
        })
    }

    fn transfer(&mut self, transfer: &Transfer<'_>) -> io::Result<()> {
        let amount = transfer.amount.amount().to_string();
        self.inside("CdtTrfTxInf", |xml| {
            xml.inside("PmtId", |xml| xml.text("EndToEndId", transfer.id))?;
            xml.inside("Amt", |xml| {
                xml.with("InstdAmt", &[("Ccy", transfer.amount.currency.code())], |xml| {
                    xml.0.write_event(Event::Text(BytesText::new(&amount)))
                })
            })?;
            if transfer.bic.is_some() {
                xml.inside("CdtrAgt", |xml| xml.agent(transfer.bic))?;
            }
            xml.inside("Cdtr", |xml| xml.name(transfer.name))?;
            xml.account("CdtrAcct", transfer.iban)?;
            xml.inside("RmtInf", |xml| xml.text("Ustrd", &sepa_text(transfer.text, TEXT_CHARS_MAX)))
        })
    }
}

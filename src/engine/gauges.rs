//! What is measured only when somebody asks: lengths of queues, sizes of what is kept, who this node is.

use crate::engine::engine::Engine;

/// Sets the gauges, so that what `/metrics` renders next is of this moment.
pub fn observe(engine: &Engine) {
    let set = |gauge: metrics::Gauge, count: usize| gauge.set(u32::try_from(count).unwrap_or(u32::MAX));
    set(metrics::gauge!("ristourne_click_queue_length"), engine.clicks.queue_length());
    set(metrics::gauge!("ristourne_ledger_queue_length"), engine.ledger.queue_length());
    set(metrics::gauge!("ristourne_catalogue_links"), engine.catalogue.links_len());
    set(metrics::gauge!("ristourne_catalogue_programs"), engine.catalogue.programs_len());
    set(metrics::gauge!("ristourne_node_number"), engine.ids.node().into());
    let (open, idle) = engine.db.connections();
    set(metrics::gauge!("ristourne_database_connections", "state" => "idle"), idle);
    set(metrics::gauge!("ristourne_database_connections", "state" => "used"), open.saturating_sub(idle));
    match engine.clicks.spool_bytes() {
        Ok(bytes) => set(metrics::gauge!("ristourne_spool_bytes"), usize::try_from(bytes).unwrap_or(usize::MAX)),
        Err(error) => tracing::warn!(%error, "the spool's size is not known"),
    }
}

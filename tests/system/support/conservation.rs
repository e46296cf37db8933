//! The conservation law, as an operator's monitoring would check it: for each trail,
//! `recorded = unselected + delivered + waiting`. It holds in every answer of `/metrics`.

use std::collections::BTreeMap;

use super::cairn::Cairn;
use super::metrics::Metrics;
use super::wait::eventually;

/// What one trail's gauges say, in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    pub recorded: u64,
    pub unselected: u64,
    pub delivered: u64,
    pub waiting: u64,
}

impl Metrics {
    /// The balances by trail, each of which must hold.
    #[track_caller]
    pub fn conserved(&self) -> BTreeMap<String, Balance> {
        let [recorded, unselected, delivered, waiting] =
            ["recorded", "unselected", "delivered", "waiting"]
                .map(|part| self.by_label(&format!("cairn_trail_{part}_events")));
        let mut balances = BTreeMap::new();
        for (trail, recorded) in recorded {
            let [unselected, delivered, waiting] =
                [&unselected, &delivered, &waiting].map(|part| part[&trail]);
            let balance = Balance { recorded, unselected, delivered, waiting };
            assert_eq!(recorded, unselected + delivered + waiting, "{trail}: {balance:?}");
            balances.insert(trail, balance);
        }
        assert_eq!(self.sum("cairn_trail_unbalanced"), 0, "it finds otherwise: {balances:#?}");
        balances
    }
}

impl Cairn {
    /// Checks the law now, whatever is on its way.
    pub async fn assert_conserved(&self) -> BTreeMap<String, Balance> {
        self.metrics().await.conserved()
    }

    /// Waits until all that was recorded is where it belongs, as long as more and more is; the law
    /// holds all the while, and nothing went wrong.
    pub async fn settle(&self) -> Metrics {
        let mut before = None;
        loop {
            let (progress, metrics) = eventually("more of what waits is delivered", async || {
                let metrics = self.metrics().await;
                metrics.conserved();
                let progress = metrics.progress();
                (metrics.is_settled() || Some(progress) > before).then_some((progress, metrics))
            })
            .await;
            if metrics.is_settled() {
                metrics.assert_unharmed();
                return metrics;
            }
            before = Some(progress);
        }
    }
}

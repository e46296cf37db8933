//! What `/metrics` says, read as a Prometheus would.

use std::collections::BTreeMap;

/// Values by name and labels, as they are written: `cairn_trail_files{trail="…"}`.
#[derive(Debug)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub fn parse(text: &str) -> Metrics {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let parse = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        assert!(text.ends_with("# EOF\n"), "OpenMetrics ends so: {text}");
        Metrics(samples.map(parse).collect())
    }

    /// The sum over all labels.
    pub fn sum(&self, name: &str) -> u64 {
        let is_named = |sample: &str| {
            sample == name || sample.strip_prefix(name).is_some_and(|l| l.starts_with('{'))
        };
        let named = self.0.iter().filter(|(sample, _)| is_named(sample));
        whole(named.fold(0.0, |sum, (_, value)| sum + value))
    }

    /// The values by their one label, which is written `{name="value"}`.
    pub fn by_label(&self, name: &str) -> BTreeMap<String, u64> {
        let labelled = self.0.iter().filter_map(|(sample, value)| {
            let (_, label) = sample.strip_prefix(name)?.strip_prefix('{')?.split_once("=\"")?;
            Some((label.strip_suffix("\"}")?.to_owned(), whole(*value)))
        });
        labelled.collect()
    }

    /// Nothing is on its way.
    pub fn is_settled(&self) -> bool {
        let waiting = [
            "cairn_trail_waiting_events",
            "cairn_journal_open_events",
            "cairn_journal_sealed_segments",
            "cairn_parked_items",
        ];
        waiting.iter().all(|name| self.sum(name) == 0)
    }

    /// Grows as long as something arrives.
    pub fn progress(&self) -> u64 {
        self.sum("cairn_trail_delivered_events") + self.sum("cairn_notices_published")
    }

    /// No event is out of reach, and nobody meddled.
    #[track_caller]
    pub fn assert_unharmed(&self) {
        for red in ["cairn_journal_halted", "cairn_journal_damaged_files", "cairn_foreign_objects"]
        {
            assert_eq!(self.sum(red), 0, "{red}");
        }
    }
}

fn whole(value: f64) -> u64 {
    format!("{value:.0}").parse().unwrap()
}

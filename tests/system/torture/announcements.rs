//! What a queue is told, taken while the torture goes on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::localstack::Queue;
use crate::support::wait::eventually;

/// Between two looks at an empty queue.
const PAUSE: Duration = Duration::from_millis(200);

/// Bucket and key of each file that was announced.
type Files = BTreeSet<(String, String)>;

pub struct Announcements {
    heard: Arc<Mutex<Heard>>,
    _listener: JoinSet<()>,
}

#[derive(Default)]
struct Heard {
    files: Files,
    messages: usize,
}

impl Announcements {
    pub fn listen(queue: Queue) -> Announcements {
        let heard = Arc::<Mutex<Heard>>::default();
        let mut listener = JoinSet::new();
        listener.spawn(listen(queue, Arc::clone(&heard)));
        Announcements { heard, _listener: listener }
    }

    /// Waits until each of these files was announced; no other may have been.
    pub async fn have_told_of(&self, files: &Files) {
        eventually(&format!("each of {} files is announced", files.len()), async || {
            files.is_subset(&self.heard.lock().unwrap().files).then_some(())
        })
        .await;
        let heard = self.heard.lock().unwrap();
        let more: Vec<_> = heard.files.difference(files).take(3).collect();
        assert!(more.is_empty(), "announced and not there: {more:?}");
    }

    /// How many messages came.
    pub fn messages(&self) -> usize {
        self.heard.lock().unwrap().messages
    }
}

async fn listen(queue: Queue, heard: Arc<Mutex<Heard>>) {
    loop {
        let bodies = queue.take().await;
        if bodies.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        let mut heard = heard.lock().unwrap();
        // A trail that is new or changed says a word that is not JSON.
        for body in bodies.iter().filter(|body| body.starts_with('{')) {
            let notice: Value = serde_json::from_str(body).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let keys = notice["s3ObjectKey"].as_array().unwrap();
            heard.files.extend(keys.iter().map(|key| (text(&notice["s3Bucket"]), text(key))));
            heard.messages += 1;
        }
    }
}

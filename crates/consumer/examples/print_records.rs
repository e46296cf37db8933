//! Prints the records that a queue announces, one a line, until Ctrl-C.
//!
//! ```sh
//! cargo run -p cairn-consumer --example print_records -- https://sqs.eu-west-1.amazonaws.com/1/q
//! ```
//!
//! Endpoint, region and credentials come from the AWS SDK's usual chain; `AWS_ENDPOINT_URL` leads
//! to LocalStack.

use std::io::{self, Write};

use anyhow::Context;
use aws_config::BehaviorVersion;
use cairn_consumer::{Consumer, Jitter, LogFile, Options, S3Objects, SqsQueue};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let url = std::env::args().nth(1).context("usage: print_records QUEUE_URL")?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&config), url);
    // Emulators do not resolve a name per bucket.
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let objects = S3Objects::new(aws_sdk_s3::Client::from_conf(s3));
    let mut consumer = Consumer::new(queue, objects, Jitter::random(), Options::default())?;
    let gauge = consumer.gauge();
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    consumer.run(&mut print, stop).await?;
    tracing::info!(counts = ?gauge.read(), "stopped");
    Ok(())
}

/// The records are on their way to the reader of the pipe once the flush has succeeded.
async fn print(file: LogFile) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for record in &file.records {
        writeln!(out, "{}", record.line())?;
    }
    out.flush()
}

//! Notes each record it is given as a line of `effects.txt` in its folder: key, number, sequence number, request; and each
//! window that is over in `windows.txt`: its start, and how many records it had. What it does besides is said by the
//! records and by files in its folder. Knows AWS's crate and nothing of Streamfold.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Duration,
};

/// What a record takes, so that a kill falls into the middle of a batch.
const WORK: Duration = Duration::from_millis(1);

/// Bytes of a line without its end; with it, pages are full of whole lines.
const LINE: usize = 127;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let mut in_window = event["state"]["records"].as_u64().unwrap_or_default();
    let mut effects = File::options().create(true).append(true).open("effects.txt")?;
    for record in event["Records"].as_array().into_iter().flatten() {
        let sequence = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default();
        let image = &record["dynamodb"]["NewImage"];
        if fails(image, sequence)? {
            // Taken are those before it, or none: as the trigger reads the answer.
            if Path::new("report").exists() {
                return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": sequence }] }));
            }
            return Err(format!("record {sequence} fails").into());
        }
        let (key, number) = (image["id"]["S"].as_str(), image["n"]["N"].as_str());
        let (Some(key), Some(number)) = (key, number) else {
            return Err(format!("not a record of ours: {record}").into());
        };
        note(&mut effects, &format!("{key} {number} {sequence} {}", context.request_id))?;
        in_window += 1;
        tokio::time::sleep(WORK).await;
    }
    if event["isFinalInvokeForWindow"] == true {
        let start = event["window"]["start"].as_str().unwrap_or_default();
        let mut windows = File::options().create(true).append(true).open("windows.txt")?;
        note(&mut windows, &format!("{start} {in_window}"))?;
    }
    Ok(match event["window"] {
        Value::Null => json!({ "function": context.env_config.function_name }),
        _ => json!({ "state": { "records": in_window } }),
    })
}

/// Appends a line in one write and within one page: readers and kills see all of it or nothing.
fn note(file: &mut File, line: &str) -> std::io::Result<()> {
    file.write_all(format!("{line:LINE$}\n").as_bytes())
}

/// Some records fail the first time, some until somebody heals them.
fn fails(image: &Value, sequence: &str) -> Result<bool, Error> {
    Ok(match image["fails"]["S"].as_str() {
        Some("once") => {
            let marks = Path::new("failed");
            fs::create_dir_all(marks)?;
            File::create_new(marks.join(sequence)).is_ok()
        }
        Some(_) => !Path::new("healed").exists(),
        None => false,
    })
}

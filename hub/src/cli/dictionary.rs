//! What the command line does with the dictionaries that relays compress with.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use protocol::dict::{DictId, Dictionary};
use protocol::limits::DICT_BYTES_MAX;
use protocol::timestamp::Timestamp;
use tokio::time::{Instant, sleep};

use super::DictionaryCommand;
use crate::clock;
use crate::dictionary;
use crate::store::Store;
use crate::store::dictionaries::DictionaryRow;

/// How long a hub that runs may take to train.
const TRAINED_WITHIN: Duration = Duration::from_mins(5);
/// How often is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn run(store: &Store, command: DictionaryCommand) -> anyhow::Result<String> {
    match command {
        DictionaryCommand::Ls => list(store).await,
        DictionaryCommand::Train => train(store).await,
        DictionaryCommand::Add { file } => add(store, &file).await,
    }
}

async fn list(store: &Store) -> anyhow::Result<String> {
    let rows = store.dictionaries().await?;
    if rows.is_empty() {
        return Ok("no dictionary was trained yet: relays use the one that is built in".to_owned());
    }
    let lines: Vec<String> = rows.iter().map(line).collect();
    Ok(lines.join("\n"))
}

fn line(row: &DictionaryRow) -> String {
    let id = DictId(u32::try_from(row.id).unwrap_or_default());
    let when = Timestamp::from_millis(row.trained_at).to_rfc3339();
    if row.kind.is_empty() {
        return format!("{id}\t-\tgiven back {when}\t{} bytes", row.len);
    }
    let state = row.retired_at.map_or("in force".to_owned(), |at| {
        format!("replaced {}", Timestamp::from_millis(at).to_rfc3339())
    });
    format!(
        "{id}\t{} {}\ttrained {when}\t{} bytes\tof {} records\t{} bytes where there were {}\t{state}",
        row.kind, row.version, row.len, row.samples, row.bytes_with, row.bytes_before
    )
}

async fn train(store: &Store) -> anyhow::Result<String> {
    let asked = dictionary::ask(store, clock::now()).await?;
    let give_up = Instant::now() + TRAINED_WITHIN;
    loop {
        if let Some(answer) = dictionary::answer(store, &asked).await? {
            return Ok(answer);
        }
        anyhow::ensure!(
            Instant::now() < give_up,
            "no hub that runs on this data directory has answered; one that is started will train"
        );
        sleep(LOOK_EVERY).await;
    }
}

async fn add(store: &Store, path: &Path) -> anyhow::Result<String> {
    let named = || format!("dictionary {}", path.display());
    let file = File::open(path).with_context(named)?;
    let mut bytes = Vec::new();
    file.take(DICT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(named)?;
    let dictionary = Dictionary::parse(bytes.into()).with_context(named)?;
    let mut write = store.begin().await?;
    let is_kept = write.keep_dictionary(&dictionary, clock::now()).await?;
    write.commit().await?;
    let id = dictionary.id();
    if is_kept {
        Ok(format!(
            "dictionary {id} is kept; a running hub uses it within seconds"
        ))
    } else {
        Ok(format!(
            "dictionary {id} is here already, or as many were added as are taken"
        ))
    }
}

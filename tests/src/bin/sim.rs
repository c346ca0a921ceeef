//! `vedette-sim`: tells simulated stories of relay and hub.
//!
//! Usage: `vedette-sim SEED` tells one again; `vedette-sim --seeds N [--from SEED]` tells many,
//! from a seed that is drawn and printed. It ends at the first broken promise, with its seed.

use anyhow::{Context, bail};
use tests::sim::{tell, tell_all};
use tests::wait::clock;

/// Stories between two lines of progress.
const STRETCH: u64 = 1_000;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["--seeds", n] => many(n.parse()?, drawn()?),
        ["--seeds", n, "--from", first] => many(n.parse()?, first.parse()?),
        [seed] => one(seed.parse().context("a seed is a number")?),
        _ => bail!("usage: vedette-sim SEED | vedette-sim --seeds N [--from SEED]"),
    }
}

fn drawn() -> anyhow::Result<u64> {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let first = bytes.first_chunk().context("sixteen bytes")?;
    Ok(u64::from_le_bytes(*first) >> 16)
}

#[expect(clippy::print_stdout, reason = "it speaks to a person")]
fn one(seed: u64) -> anyhow::Result<()> {
    match tell(seed) {
        Ok(story) => println!("seed {seed} is kept: {story:?}"),
        Err(broken) => bail!("{broken}"),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it speaks to a person")]
fn many(n: u64, first: u64) -> anyhow::Result<()> {
    println!("seeds from {first} on");
    let begin = clock();
    let mut done = 0;
    while done < n {
        let stretch = STRETCH.min(n - done);
        match tell_all(first.wrapping_add(done), stretch) {
            Ok(sums) => {
                done += stretch;
                println!("{done} of {n} in {:?}; the last: {sums:?}", begin.elapsed());
            }
            Err(broken) => bail!("{broken}"),
        }
    }
    Ok(())
}

//! Many samples in a row: does memory grow?

use std::time::Instant;

use engine::{LoadOptions, Model};
use shared::{Quant, RunOptions};

use super::super::{Failure, print};
use super::gpu_memory::GpuMemory;
use super::watching::Watching;
use super::{BenchArgs, peak_mib, resident_mib, stripes};

/// Runs different pictures and prompts one after the other, everything observed, and tells the
/// memory after the tenth and after the last.
pub(super) fn samples(args: &BenchArgs, quant: Quant, samples: usize) -> Result<(), Failure> {
    let options = LoadOptions { name: args.shape.clone(), quant, device: args.device };
    super::fits(args, quant)?;
    let model = Model::random(&args.shape, &options).map_err(|e| e.message)?;
    let gpu = GpuMemory::watch(args.device);
    let memory = || gpu.now().map(|m| m.in_use_mib).or_else(resident_mib).unwrap_or_default();
    let (mut tenth, mut done, start) = (0.0, 0, Instant::now());
    for i in 0..samples {
        let picture = stripes(200 + 37 * (i % 17) as u32);
        // The longest comes first: what memory it takes is there from then on.
        let length = args.text_tokens - (i * 131) % (args.text_tokens * 3 / 4).max(1);
        let run = RunOptions {
            prompt: char::from(b'a' + (i % 26) as u8).to_string().repeat(length.max(1)),
            max_new_tokens: args.new_tokens,
            ignore_eos: true,
            ..RunOptions::default()
        };
        let prepared = model.prepare(&picture, &run).map_err(|e| e.message)?;
        let mut watching = Watching::new(args.by_head);
        match model.run(&prepared, &mut watching) {
            Ok(Some(_)) => {
                watching.seen(&model, &prepared)?;
                done += 1;
            }
            Ok(None) => tracing::warn!(sample = i, "stopped early"),
            Err(error) => tracing::warn!(sample = i, error = error.message, "failed"),
        }
        if i == 9 {
            tenth = memory();
        }
        if let Some(now) = gpu.now().filter(|_| (i + 1).is_power_of_two() || (i + 1) % 10 == 0) {
            tracing::info!(
                samples = i + 1,
                in_use = now.in_use_mib,
                pool = now.pool_mib,
                used = now.used_mib,
                most_used = now.most_used_mib,
                "GPU memory in MiB"
            );
        }
    }
    let last = memory();
    let pool = gpu.now().map_or_else(String::new, |now| {
        format!(
            "; of it the pool holds {:.0} MiB and uses {:.0} (at most {:.0})",
            now.pool_mib, now.used_mib, now.most_used_mib
        )
    });
    print(&format!(
        "{}, {}, {}: {done} of {samples} samples in {:.1} s; memory after the tenth {tenth:.0} MiB, \
         after the last {last:.0} MiB ({:+.2} %), at most {:.0} MiB{pool}\n",
        args.shape,
        quant.name(),
        args.device.describe().map_err(|e| e.message)?,
        start.elapsed().as_secs_f64(),
        100.0 * (last / tenth - 1.0),
        gpu.peak_mib().or_else(peak_mib).unwrap_or_default(),
    ))
}

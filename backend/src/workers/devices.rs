//! Which devices are meant: a list as it is typed.

use std::fmt;
use std::str::FromStr;

use engine::{DeviceChoice, EngineError};

/// Devices to run models on, one worker each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Devices {
    /// Every GPU that this build can use; the processor where there is none.
    All,
    /// These, each once.
    These(Vec<DeviceChoice>),
}

impl Default for Devices {
    fn default() -> Self {
        Devices::These(vec![DeviceChoice::default()])
    }
}

impl FromStr for Devices {
    type Err = String;

    /// `all`, or devices with commas between them.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Devices::All);
        }
        let mut these = Vec::new();
        for name in text.split(',') {
            let device: DeviceChoice = name.trim().parse().map_err(|_| {
                format!(
                    "there is no device \"{name}\"; name auto, cpu or cuda:0, several as \
                     cuda:0,cuda:1, or all"
                )
            })?;
            if these.contains(&device) {
                return Err(format!("the device {device} is named twice"));
            }
            these.push(device);
        }
        if these.len() > 1 && these.contains(&DeviceChoice::Auto) {
            return Err("auto is one device of the lab's choice; name all, or each".to_owned());
        }
        Ok(Devices::These(these))
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Devices::All => f.write_str("all"),
            Devices::These(these) => {
                let names: Vec<String> = these.iter().map(ToString::to_string).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl Devices {
    /// The devices that are there, each as it was chosen and as people call it.
    ///
    /// # Errors
    /// One that was named is not there, or this build cannot use it.
    pub fn find(&self) -> Result<Vec<(DeviceChoice, String)>, EngineError> {
        let describe = |device: DeviceChoice| Ok((device, device.describe()?));
        match self {
            Devices::These(these) => these.iter().copied().map(describe).collect(),
            Devices::All => {
                let gpus = (0..).map(DeviceChoice::Cuda).map_while(|gpu| describe(gpu).ok());
                let gpus: Vec<_> = gpus.collect();
                match gpus.is_empty() {
                    true => Ok(vec![describe(DeviceChoice::Cpu)?]),
                    false => Ok(gpus),
                }
            }
        }
    }

    /// What they are called without looking whether they are there: for pretended ones.
    pub fn named(&self) -> Vec<String> {
        match self {
            Devices::All => vec![DeviceChoice::default().to_string()],
            Devices::These(these) => these.iter().map(ToString::to_string).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_wrong_ones_explained() {
        let read = |text: &str| text.parse::<Devices>();
        assert_eq!(read("all"), Ok(Devices::All));
        assert_eq!(read("auto"), Ok(Devices::default()));
        let two = Devices::These(vec![DeviceChoice::Cuda(0), DeviceChoice::Cuda(1)]);
        assert_eq!(read("cuda:0,cuda:1"), Ok(two.clone()));
        assert_eq!(two.to_string(), "cuda:0,cuda:1");
        for (text, part) in [
            ("", "cuda:0,cuda:1"),
            ("tpu", "\"tpu\""),
            ("cuda:0,", "there is no device"),
            ("cuda:1,cuda:1", "twice"),
            ("auto,cpu", "auto"),
        ] {
            let sentence = read(text).expect_err(text);
            assert!(sentence.contains(part), "{text}: {sentence}");
        }
    }
}

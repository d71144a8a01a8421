//! The table of tried, survived and lost.

use std::fmt;

/// One kind of attack.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was done.
    pub attack: String,
    /// How many times.
    pub tried: u64,
    /// How many times the lab did what it should.
    pub survived: u64,
    /// What was acknowledged and is gone, or asked honestly and not answered.
    pub lost: u64,
    /// What else there is to say.
    pub told: String,
}

/// What the lab stood.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    broken: Vec<String>,
    /// The most memory that a lab took, in KiB.
    pub peak: u64,
    /// How much longer an honest client's run took beside an attack, and which.
    pub slowest: Option<(f64, String)>,
}

impl Report {
    /// Adds a row; what was lost or went wrong is a broken promise.
    pub fn row(&mut self, row: Row) {
        let wrong = row.tried.saturating_sub(row.survived);
        if wrong + row.lost > 0 {
            self.broken(&row.attack, format!("{wrong} went wrong, {} lost", row.lost));
        }
        self.rows.push(row);
    }

    /// A row whose every attempt was counted one by one.
    pub fn tally(&mut self, attack: impl Into<String>, tally: Tally) {
        if let Some(first) = &tally.first_wrong {
            self.broken("", format!("for example: {first}"));
        }
        let Tally { tried, survived, lost, accepted, refused, .. } = tally;
        let told = format!("{accepted} accepted, {refused} refused");
        self.row(Row { attack: attack.into(), tried, survived, lost, told });
    }

    /// A promise that did not hold.
    pub fn broken(&mut self, attack: &str, why: impl fmt::Display) {
        let separator = if attack.is_empty() { "" } else { ": " };
        self.broken.push(format!("{attack}{separator}{why}"));
    }

    /// Notes how much longer honest runs took, and gives it.
    pub fn ratio(&mut self, beside: &str, alone: f64, attacked: f64, judged: bool) -> f64 {
        let ratio = attacked / alone;
        if self.slowest.as_ref().is_none_or(|(most, _)| ratio > *most) {
            self.slowest = Some((ratio, beside.to_owned()));
        }
        if judged && ratio > 2.0 {
            self.broken(beside, format!("an honest run took {ratio:.2} times as long"));
        }
        ratio
    }

    /// What did not hold.
    pub fn promises_broken(&self) -> &[String] {
        &self.broken
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "| attack | tried | survived | lost | |\n|---|---|---|---|---|")?;
        for Row { attack, tried, survived, lost, told } in &self.rows {
            writeln!(f, "| {attack} | {tried} | {survived} | {lost} | {told} |")?;
        }
        writeln!(f, "\npeak memory of the lab (VmHWM): {} MiB", self.peak.div_ceil(1 << 10))?;
        if let Some((ratio, beside)) = &self.slowest {
            writeln!(
                f,
                "an honest run, beside {beside}: at most {ratio:.2} times as long as alone"
            )?;
        }
        for broken in &self.broken {
            writeln!(f, "BROKEN {broken}")?;
        }
        Ok(())
    }
}

/// Attempts that are counted one by one.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    tried: u64,
    survived: u64,
    lost: u64,
    accepted: u64,
    refused: u64,
    first_wrong: Option<String>,
}

impl Tally {
    /// Counts an answer: whether it was accepted, or what is wrong with the refusal.
    pub fn count(&mut self, what: &str, answer: Result<bool, String>) {
        self.tried += 1;
        match answer {
            Ok(accepted) => {
                self.survived += 1;
                self.accepted += u64::from(accepted);
                self.refused += u64::from(!accepted);
            }
            Err(why) => {
                self.first_wrong.get_or_insert_with(|| format!("{what}: {why}"));
            }
        }
    }

    /// Counts what an honest client lost.
    pub fn lose(&mut self, what: &str, why: impl fmt::Display) {
        self.lost += 1;
        self.first_wrong.get_or_insert_with(|| format!("{what}: {why}"));
    }

    /// Adds another's.
    pub fn add(&mut self, other: Tally) {
        self.tried += other.tried;
        self.survived += other.survived;
        self.lost += other.lost;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
    }
}

//! Tests of the line before the devices.

use shared::{Repeat, RunOptions};

use super::*;
use crate::id::OwnerHash;
use crate::runs::StopReason;

fn asker(address: &str) -> Asker {
    Asker::of(Client::at(address.parse().expect("an address")))
}

fn job() -> Job {
    job_of(asker("192.0.2.1"))
}

fn job_of(asker: Asker) -> Job {
    let id = RunId::random().expect("randomness");
    let run = Run::new(id, String::new(), RunOptions::default(), OwnerHash([0; 32]));
    Job {
        run: Arc::new(run),
        source: Source::folder("m".into(), "m".into()),
        quant: Quant::F32,
        media: JobMedia::InStore,
        asker,
        again: None,
    }
}

fn state(loaded: &[&str]) -> WorkerState {
    let loaded = loaded.iter().map(|name| ((*name).to_owned(), Quant::F32)).collect();
    WorkerState { alive: true, loaded, ..WorkerState::default() }
}

/// A line before one device.
fn line(bound: Bound) -> Queue {
    let queue = Queue::new(bound);
    queue.open(std::iter::once(watch::channel(state(&[])).1), 2);
    queue
}

fn taken(queue: &Queue) -> Job {
    match queue.pop(0, Duration::ZERO) {
        Popped::Job(job) => job,
        other => panic!("nobody waits: {other:?}"),
    }
}

fn places(run: &Run) -> Vec<u32> {
    let events = run.log.all();
    let places = events.iter().filter_map(|e| match e.envelope.event {
        Event::Queued { position } => Some(position),
        _ => None,
    });
    places.collect()
}

#[test]
fn places_stay_current() {
    let queue = line(Bound::new(3, 3));
    let jobs = [job(), job(), job()];
    let runs = [jobs[0].run.clone(), jobs[1].run.clone(), jobs[2].run.clone()];
    for job in jobs {
        queue.push(job).expect("there is room");
    }
    assert_eq!(queue.push(job_of(asker("192.0.2.2"))), Err(PushError::Full));
    assert_eq!(taken(&queue).run.id, runs[0].id);
    queue.push(job()).expect("there is room again");
    assert!(queue.remove(&runs[1].id).is_some());
    assert!(queue.remove(&runs[1].id).is_none(), "only once");
    assert_eq!(taken(&queue).run.id, runs[2].id);
    taken(&queue);
    assert!(matches!(queue.pop(0, Duration::ZERO), Popped::Nothing));
    assert_eq!(places(&runs[0]), [0]);
    assert_eq!(places(&runs[1]), [1]);
    assert_eq!(places(&runs[2]), [2, 1]);
}

#[test]
fn one_client_fills_its_part_and_another_goes_between() {
    let queue = line(Bound::new(5, 3));
    let (rude, polite) = (asker("192.0.2.1"), asker("192.0.2.2"));
    for _ in 0..3 {
        queue.push(job_of(rude.clone())).expect("there is room");
    }
    assert_eq!(queue.room(&rude), Err(PushError::Own));
    assert_eq!(queue.push(job_of(rude.clone())), Err(PushError::Own));
    taken(&queue);
    let wanted = job_of(polite.clone());
    let run = wanted.run.clone();
    queue.push(wanted).expect("the other part of the line is others'");
    assert_eq!(places(&run), [1], "behind the run at work alone");
    assert_eq!(queue.first().expect("it").id, run.id);
    assert_eq!(taken(&queue).run.id, run.id);
}

#[test]
fn a_full_line_has_a_place_for_each_class() {
    let queue = line(Bound::new(2, 2));
    for _ in 0..2 {
        queue.push(job()).expect("there is room");
    }
    let presenter = |class: &str| {
        let code = Code::read(class);
        Asker { presents: code, ..asker("192.0.2.1") }
    };
    assert_eq!(queue.room(&asker("192.0.2.9")), Err(PushError::Full));
    let first = job_of(presenter("CDFGHJ"));
    let run = first.run.clone();
    queue.push(first).expect("its class's place");
    assert_eq!(places(&run), [0], "before those of the same address");
    let again = queue.push(job_of(presenter("CDFGHJ")));
    assert_eq!(again, Err(PushError::Own), "a class has one");
    queue.push(job_of(presenter("KLMNPR"))).expect("another class's place");
    assert_eq!(queue.len(), 4);
}

/// A run that asks for a model.
fn asks(model: &str) -> Job {
    Job { source: Source::folder(model.into(), model.into()), ..job() }
}

#[test]
fn a_run_goes_where_its_model_lies_and_else_where_there_is_room() {
    let queue = Queue::new(Bound::new(9, 9));
    let (told, states): (Vec<_>, Vec<_>) =
        [state(&["a"]), state(&["b", "c"])].into_iter().map(watch::channel).unzip();
    queue.open(states.into_iter(), 2);
    let takes = |device: usize| match queue.pop(device, Duration::ZERO) {
        Popped::Job(job) => Some(job.source.name),
        _ => None,
    };
    let push = |model: &str| queue.push(asks(model)).expect("there is room");
    // Each where its model lies, whoever came first.
    push("b");
    push("a");
    assert_eq!((takes(0), takes(1)), (Some("a".into()), Some("b".into())));
    // The second device is at work on b and full of models: this one waits for it, and does not
    // cost the first one anything.
    push("c");
    told[0].send_replace(state(&["x", "a"]));
    assert_eq!(takes(0), None);
    assert_eq!(takes(1).as_deref(), Some("c"));
    // With room it goes to the first, while the second is at work on it.
    told[0].send_replace(state(&["a"]));
    push("c");
    assert_eq!(takes(0).as_deref(), Some("c"));
    // What lies nowhere goes to whoever has room, and else to whoever is free.
    assert_eq!((takes(1), takes(0)), (None, None), "both are free");
    push("d");
    assert_eq!((takes(1), takes(0)), (None, Some("d".into())));
    told[0].send_replace(state(&["a", "d"]));
    push("e");
    assert_eq!(takes(1).as_deref(), Some("e"));
}

#[test]
fn a_device_that_died_is_given_nothing_and_others_go_on() {
    let queue = Queue::new(Bound::new(9, 9));
    let (told, states): (Vec<_>, Vec<_>) =
        [state(&["m"]), state(&[])].into_iter().map(watch::channel).unzip();
    queue.open(states.into_iter(), 2);
    told[0].send_replace(WorkerState::default());
    queue.push(job()).expect("there is room");
    assert!(matches!(queue.pop(0, Duration::ZERO), Popped::Nothing));
    assert!(matches!(queue.pop(1, Duration::ZERO), Popped::Job(_)));
}

#[test]
fn what_can_wait_does_not_begin_while_a_run_waits_for_the_device() {
    let queue = line(Bound::new(3, 3));
    queue.push(job()).expect("there is room");
    assert!(!queue.begin_spare(0));
    taken(&queue);
    assert!(matches!(queue.pop(0, Duration::ZERO), Popped::Nothing));
    assert!(queue.begin_spare(0));
    // A run that comes now waits for the end of that piece of work.
    queue.push(job()).expect("there is room");
    taken(&queue);
}

#[test]
fn closing_wakes_the_model_and_gives_back_who_waits() {
    let queue = Arc::new(line(Bound::new(3, 3)));
    let model = std::thread::spawn({
        let queue = queue.clone();
        move || matches!(queue.pop(0, Duration::from_secs(60)), Popped::Closed)
    });
    queue.close();
    assert!(model.join().expect("no panic"));
    assert_eq!(queue.push(job()), Err(PushError::Closed));
}

/// The same run, back for another answer.
fn back(job: Job) -> Job {
    Job { again: Some(Again::after(1)), ..job }
}

#[test]
fn each_answer_of_a_run_that_is_asked_again_is_a_turn_of_its_client() {
    let queue = line(Bound::new(4, 3));
    let long = job();
    let run = long.run.clone();
    queue.push(long).expect("there is room");
    let others: Vec<_> = (0..3).map(|_| job_of(asker("192.0.2.2"))).collect();
    let ids: Vec<_> = others.iter().map(|job| job.run.id.clone()).collect();
    for other in others {
        queue.push(other).expect("there is room");
    }
    let mut served = Vec::new();
    for _ in 0..6 {
        let job = taken(&queue);
        served.push(job.run.id.clone());
        if job.run.id == run.id {
            queue.put_back(back(job)).expect("it is open");
        }
    }
    let mine: Vec<bool> = served.iter().map(|id| *id == run.id).collect();
    // Who came first has the first turn, and of equal turns whoever waits longer.
    assert_eq!(mine, [true, false, false, true, false, true]);
    let theirs: Vec<_> = served.into_iter().filter(|id| *id != run.id).collect();
    assert_eq!(theirs, ids);
    assert_eq!(places(&run), [0], "nobody is told to wait who has an answer");
    // Whoever stopped it while it was answered did not find it in the line: it is not put back.
    let stopped = back(job());
    stopped.run.request_stop(StopReason::Cancelled);
    assert!(queue.put_back(stopped).is_err());
    // It is taken back though others took its place, and can be taken out while it waits.
    assert!(queue.remove(&run.id).is_some());
    queue.close();
    assert!(queue.put_back(back(job())).is_err());
}

#[test]
fn one_run_of_each_client_waits_to_be_asked_several_times() {
    let repeated = |address: &str| {
        let id = RunId::random().expect("randomness");
        let repeat = Some(Repeat { times: 2, claim: String::new() });
        let options = RunOptions { repeat, ..RunOptions::default() };
        let run = Arc::new(Run::new(id, String::new(), options, OwnerHash([0; 32])));
        Job { run, ..job_of(asker(address)) }
    };
    let queue = line(Bound::new(8, 8));
    queue.push(repeated("192.0.2.1")).expect("there is room");
    assert_eq!(queue.push(repeated("192.0.2.1")), Err(PushError::OwnRepeated));
    queue.push(job()).expect("it is asked once");
    queue.push(repeated("192.0.2.2")).expect("it is another's");
}

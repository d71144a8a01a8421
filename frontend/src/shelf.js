// Lessons that were made in this browser: texts by their names, in its own database, which holds more than
// its small store of settings may.
function opened() {
  return new Promise((done, fail) => {
    const asked = indexedDB.open("langoverrule", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("lessons");
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
    asked.onblocked = () => fail(new Error("another page holds the database"));
  });
}

async function act(mode, work) {
  const database = await opened();
  try {
    return await new Promise((done, fail) => {
      const transaction = database.transaction("lessons", mode);
      const request = work(transaction.objectStore("lessons"));
      transaction.oncomplete = () => done(request.result);
      transaction.onerror = transaction.onabort = () => fail(transaction.error);
    });
  } finally {
    database.close();
  }
}

export function put_lesson(name, text) {
  return act("readwrite", (store) => store.put(text, name));
}

export function all_lessons() {
  return act("readonly", (store) => store.getAll());
}

export function remove_lesson(name) {
  return act("readwrite", (store) => store.delete(name));
}

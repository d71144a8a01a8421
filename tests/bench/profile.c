// Where a GPU's time goes in `langoverrule bench`: every kernel and copy by name, for reading a prompt and for a
// generated token, with the gaps between them. The driver loads this library when it is named:
//
//     gcc -O2 -shared -fPIC -o libprofile.so tests/bench/profile.c -I$CUDA/include -L$CUDA/lib -l:libcupti.so.13
//     CUDA_INJECTION64_PATH=$PWD/libprofile.so langoverrule bench --device cuda:0 --observe on …
//
// where CUDA is the folder nvidia/cu13 of PyPI's nvidia-cuda-cupti and nvidia-cuda-runtime 13.0, or a toolkit's.
// The tables come on standard error at the end, or in the file that LAB_PROFILE names. Watching every launch takes
// time itself: gaps are longer here than in a run without, kernels are not.
//
// A token ends with the kernel `choose`; what lies between two of them and holds a `flash` kernel is the reading of
// a picture and a prompt. The first two such stretches load weights and kernels and do not count.

#include <cupti.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 8 << 20, MOST_NAMES = 512, SHOWN = 32, SKIPPED = 2 };

typedef struct {
    uint64_t start, end;
    int name;
} Record;

typedef struct {
    int name;
    uint64_t count, time, gap;
} Total;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Record *records;
static size_t count, room;
static char *names[MOST_NAMES];
static int name_count;

static int intern(const char *name) {
    for (int i = 0; i < name_count; i++)
        if (!strcmp(names[i], name)) return i;
    if (name_count == MOST_NAMES) return MOST_NAMES - 1;
    names[name_count] = strdup(name);
    return name_count++;
}

static void add(const char *name, uint64_t start, uint64_t end) {
    if (count == room) {
        room = room ? 2 * room : 1 << 16;
        records = realloc(records, room * sizeof *records);
        if (!records) abort();
    }
    records[count++] = (Record){start, end, intern(name)};
}

static void CUPTIAPI give(uint8_t **buffer, size_t *size, size_t *most) {
    *buffer = aligned_alloc(8, BUFFER);
    *size = *buffer ? BUFFER : 0;
    *most = 0;
}

static void CUPTIAPI take(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid) {
    static const char *copies[] = {"copy", "copy to the GPU", "copy to the host"};
    CUpti_Activity *at = NULL;
    (void)context, (void)stream, (void)size;
    pthread_mutex_lock(&lock);
    while (cuptiActivityGetNextRecord(buffer, valid, &at) == CUPTI_SUCCESS) {
        if (at->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
            CUpti_ActivityKernel10 *kernel = (CUpti_ActivityKernel10 *)at;
            add(kernel->name ? kernel->name : "?", kernel->start, kernel->end);
        } else if (at->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
            CUpti_ActivityMemcpy6 *copy = (CUpti_ActivityMemcpy6 *)at;
            add(copies[copy->copyKind <= 2 ? copy->copyKind : 0], copy->start, copy->end);
        } else if (at->kind == CUPTI_ACTIVITY_KIND_MEMSET) {
            CUpti_ActivityMemset4 *set = (CUpti_ActivityMemset4 *)at;
            add("set", set->start, set->end);
        }
    }
    pthread_mutex_unlock(&lock);
    free(buffer);
}

static int by_start(const void *a, const void *b) {
    uint64_t x = ((const Record *)a)->start, y = ((const Record *)b)->start;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b) {
    uint64_t x = ((const Total *)a)->time, y = ((const Total *)b)->time;
    return (x < y) - (x > y);
}

static void table(FILE *out, const char *title, Total *totals, uint64_t stretches, uint64_t wall) {
    uint64_t busy = 0, gaps = 0, launches = 0;
    if (!stretches) return;
    for (int i = 0; i < name_count; i++)
        busy += totals[i].time, gaps += totals[i].gap, launches += totals[i].count;
    double by = 1e3 * stretches;
    fprintf(out, "\n%s: %.1f us, %.1f at work, %.1f in gaps; %.1f launches; mean of %llu\n\n",
            title, wall / by, busy / by, gaps / by, (double)launches / stretches, (unsigned long long)stretches);
    fprintf(out, "| kernel | launches | us | share | us each | gap before each, us |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < name_count; i++) totals[i].name = i;
    qsort(totals, name_count, sizeof *totals, by_time);
    for (int i = 0; i < name_count && i < SHOWN && totals[i].count; i++) {
        Total *t = &totals[i];
        fprintf(out, "| %.64s | %.1f | %.1f | %.1f %% | %.2f | %.2f |\n", names[t->name], (double)t->count / stretches,
                t->time / by, 100.0 * t->time / wall, t->time / 1e3 / t->count, t->gap / 1e3 / t->count);
    }
}

static void report(void) {
    cuptiActivityFlushAll(1);
    pthread_mutex_lock(&lock);
    const char *path = getenv("LAB_PROFILE");
    FILE *out = path ? fopen(path, "w") : stderr;
    if (!out) out = stderr;
    qsort(records, count, sizeof *records, by_start);
    int last = intern("choose");
    static Total totals[2][MOST_NAMES];
    uint64_t stretches[2] = {0, 0}, walls[2] = {0, 0};
    int prompts = 0;
    for (size_t from = 0, to = 0; to < count; to++) {
        if (records[to].name != last) continue;
        int prompt = 0;
        for (size_t i = from; i <= to; i++) prompt |= !strncmp(names[records[i].name], "flash", 5);
        prompts += prompt;
        if (prompts > SKIPPED) {
            // A token begins where the one before ended: the host's part counts.
            uint64_t begin = prompt || !from ? records[from].start : records[from - 1].end, reached = begin;
            for (size_t i = from; i <= to; i++) {
                Total *t = &totals[prompt][records[i].name];
                t->count++;
                t->time += records[i].end - records[i].start;
                if (records[i].start > reached) t->gap += records[i].start - reached;
                if (records[i].end > reached) reached = records[i].end;
            }
            stretches[prompt]++;
            walls[prompt] += reached - begin;
        }
        from = to + 1;
    }
    table(out, "Reading picture and prompt", totals[1], stretches[1], walls[1]);
    table(out, "A generated token", totals[0], stretches[0], walls[0]);
    if (out != stderr) fclose(out);
    pthread_mutex_unlock(&lock);
}

// Called by the driver when it starts.
int InitializeInjection(void) {
    if (cuptiActivityRegisterCallbacks(give, take) != CUPTI_SUCCESS ||
        cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) != CUPTI_SUCCESS ||
        cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY) != CUPTI_SUCCESS ||
        cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMSET) != CUPTI_SUCCESS) {
        fputs("profile: CUPTI does not start; nothing is recorded\n", stderr);
        return 1;
    }
    atexit(report);
    return 1;
}

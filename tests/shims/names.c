// Preloaded: answers for the names in the file that NAMES_SHIM names, one name on each line with its answers, of which
// each lookup takes the next and the last one stays:
//   name addr,addr|addr
// An answer may also be `empty` (no address), `unknown` (there is no such name) or `loop` (nobody answers for a while,
// and then nothing is known). Other names go to the system.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

enum { MOST_NAMES = 64, LONGEST = 1024 };

// Copies the answers of a name from the file, and says which line they are on; -1 if there are none.
static int find(const char *name, char *answers) {
    const char *path = getenv("NAMES_SHIM");
    FILE *file = path ? fopen(path, "re") : NULL;
    char line[LONGEST];
    int found = -1;
    for (int at = 0; file && found < 0 && at < MOST_NAMES && fgets(line, sizeof line, file); at++) {
        char *space = strchr(line, ' ');
        if (!space) continue;
        *space = 0;
        if (strcmp(line, name) == 0) {
            snprintf(answers, LONGEST, "%s", space + 1);
            answers[strcspn(answers, "\n")] = 0;
            found = at;
        }
    }
    if (file) fclose(file);
    return found;
}

// The answer to this lookup of the name.
static char *choose(int at, char *answers) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int asked[MOST_NAMES];
    pthread_mutex_lock(&lock);
    int skip = asked[at]++;
    pthread_mutex_unlock(&lock);
    char *bar;
    while (skip-- > 0 && (bar = strchr(answers, '|'))) answers = bar + 1;
    answers[strcspn(answers, "|")] = 0;
    return answers;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    lookup *system = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    char answers[LONGEST];
    int at = name ? find(name, answers) : -1;
    if (at < 0) return system(name, service, hints, found);
    char *answer = choose(at, answers);
    *found = NULL;
    if (strcmp(answer, "empty") == 0) return 0;
    if (strcmp(answer, "unknown") == 0) return EAI_NONAME;
    if (strcmp(answer, "loop") == 0) {
        usleep(400 * 1000);
        return EAI_AGAIN;
    }
    struct addrinfo **end = found;
    char *rest = NULL;
    for (char *address = strtok_r(answer, ",", &rest); address; address = strtok_r(NULL, ",", &rest)) {
        int error = system(address, service, hints, end);
        if (error) return error;
        while (*end) end = &(*end)->ai_next;
    }
    return 0;
}

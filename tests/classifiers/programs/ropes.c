#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KNOTS 16

struct rope {
    char *name;
    double length;
    int knots[MAX_KNOTS];
    size_t n_knots;
};

static struct rope *make_rope(const char *name, double length) {
    struct rope *rope = calloc(1, sizeof(*rope));
    if (rope == NULL) {
        return NULL;
    }
    rope->name = strdup(name);
    rope->length = length;
    return rope;
}

static int tie(struct rope *rope, int at) {
    if (rope->n_knots >= MAX_KNOTS || at < 0) {
        fprintf(stderr, "no knot at %d of \"%s\"\n", at, rope->name);
        return -1;
    }
    rope->knots[rope->n_knots++] = at;
    return 0;
}

int main(int argc, char **argv) {
    struct rope *rope = make_rope(argc > 1 ? argv[1] : "halyard", 12.5);
    for (int i = 0; i < 4; i++) {
        if (tie(rope, (i * 7) % 5) != 0) {
            break;
        }
    }
    switch (rope->n_knots) {
    case 0:
        puts("smooth");
        break;
    default:
        printf("%s: %zu knots\n", rope->name, rope->n_knots);
    }
    free(rope->name);
    free(rope);
    return EXIT_SUCCESS;
}

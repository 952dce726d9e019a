package signals

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// ErrUnknown is returned for flags that no book has.
var ErrUnknown = errors.New("unknown flag")

type Flag struct {
	Letter  rune
	Meaning string
}

type Book map[rune]Flag

func (b Book) Read(hoist string) ([]string, error) {
	meanings := make([]string, 0, len(hoist))
	for _, letter := range hoist {
		flag, known := b[letter]
		if !known {
			return nil, fmt.Errorf("%w: %q", ErrUnknown, letter)
		}
		meanings = append(meanings, flag.Meaning)
	}
	return meanings, nil
}

func (b Book) Letters() string {
	letters := make([]string, 0, len(b))
	for letter := range b {
		letters = append(letters, string(letter))
	}
	sort.Slice(letters, func(i, j int) bool { return letters[i] < letters[j] })
	return strings.Join(letters, "")
}

func Watch(hoists <-chan string, book Book) <-chan string {
	seen := make(chan string, 8)
	go func() {
		defer close(seen)
		for hoist := range hoists {
			if meanings, err := book.Read(hoist); err == nil {
				seen <- strings.Join(meanings, "; ")
			}
		}
	}()
	return seen
}

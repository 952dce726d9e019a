package harbour;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What ships owe to a harbour. */
public final class Ledger {
    private static final double RATE = 0.25;
    private final List<Entry> entries = new ArrayList<>();

    public record Entry(String ship, int days, double tons) {}

    public void add(String ship, int days, double tons) {
        if (days < 0 || tons <= 0) {
            throw new IllegalArgumentException("no such stay: " + ship);
        }
        entries.add(new Entry(ship, days, tons));
    }

    public Map<String, Double> totals() {
        return entries.stream()
            .collect(Collectors.groupingBy(Entry::ship, Collectors.summingDouble(each -> each.days() * each.tons() * RATE)));
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, Double> total : totals().entrySet()) {
            text.append(String.format("%s: %.2f%n", total.getKey(), total.getValue()));
        }
        return text.length() == 0 ? "nothing is owed" : text.toString();
    }

    public static void main(String[] arguments) {
        Ledger ledger = new Ledger();
        int[] days = {1, 2, 5};
        for (int at = 0; at < days.length; at++) {
            ledger.add("ship " + at, days[at], 100.0 * (at + 1));
        }
        System.out.println(ledger);
    }
}

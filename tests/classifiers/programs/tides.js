// Heights of tides, smoothed over neighbouring hours.
const HOURS = 24;

class Gauge {
  constructor(name, heights = []) {
    this.name = name;
    this.heights = heights;
  }

  smoothed(width = 3) {
    return this.heights.map((height, hour) => {
      const near = this.heights.slice(Math.max(0, hour - width), hour + width + 1);
      return near.reduce((sum, each) => sum + each, 0) / near.length;
    });
  }

  *peaks() {
    for (let hour = 1; hour + 1 < this.heights.length; hour++) {
      if (this.heights[hour] > this.heights[hour - 1] && this.heights[hour] >= this.heights[hour + 1]) {
        yield { hour, height: this.heights[hour] };
      }
    }
  }
}

async function load(url) {
  const answer = await fetch(url, { headers: { accept: "application/json" } });
  if (!answer.ok) {
    throw new Error(`no tides at ${url}: ${answer.status}`);
  }
  const { name, heights, ...rest } = await answer.json();
  console.log("unknown keys:", Object.keys(rest).join(", "));
  return new Gauge(name, heights.filter((height) => height !== null));
}

export { Gauge, HOURS, load };

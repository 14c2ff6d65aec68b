// A face of a character: its mouth follows shapes, its expression a mood.
"use strict";

const SHAPES = { // of each viseme: mouth width, opening, roundness
  sil: [.5, .03, .1], PP: [.46, 0, .1], FF: [.5, .1, .1], TH: [.5, .22, .1], DD: [.5, .22, .1], kk: [.5, .28, .1],
  CH: [.4, .25, .6], SS: [.55, .12, 0], nn: [.5, .2, .1], RR: [.4, .25, .5], aa: [.52, .8, .3], E: [.6, .5, .1],
  I: [.62, .26, 0], O: [.38, .6, .9], U: [.28, .3, 1],
};
const MOODS = { // brow tilt, brow height, corners of the mouth
  neutral: [0, 0, 0], sad: [-.5, .1, -.5], happy: [.1, .25, .6], angry: [.7, -.3, -.3],
};
const EASE = .028; // seconds in which a mouth makes two thirds of its way

class Face {
  constructor(name, facts) {
    this.box = document.createElement("div");
    this.box.className = "face";
    this.box.dataset.name = name;
    this.box.innerHTML = '<svg viewBox="0 0 100 100"><circle class="skin" cx="50" cy="50" r="46"/>' +
      '<path class="brow l" fill="none" stroke="#222" stroke-width="3" stroke-linecap="round"/>' +
      '<path class="brow r" fill="none" stroke="#222" stroke-width="3" stroke-linecap="round"/>' +
      '<circle cx="34" cy="44" r="4" fill="#222"/><circle cx="66" cy="44" r="4" fill="#222"/>' +
      '<path class="mouth" fill="#5a1f2b" stroke="#222" stroke-width="2"/></svg><span></span>';
    this.box.querySelector(".skin").setAttribute("fill", facts.colour);
    this.mouth = [...SHAPES.sil];
    this.mood = [...MOODS.neutral];
    this.wanted = [...MOODS.neutral];
    this.opening = 0;
    this.draw();
  }
  call(name) { this.box.querySelector("span").textContent = name; }
  feel(feelings) {
    this.wanted = [0, 0, 0];
    for (const [label, amount] of Object.entries(feelings)) {
      (MOODS[label] || MOODS.neutral).forEach((value, i) => { this.wanted[i] += value * amount; });
    }
  }
  move(shape, seconds) { // towards a shape, by the time that has passed: as far on a slow screen as on a quick one
    const share = 1 - Math.exp(-seconds / EASE), target = SHAPES[shape] || SHAPES.sil;
    this.mouth = this.mouth.map((value, i) => value + (target[i] - value) * share);
    this.mood = this.mood.map((value, i) => value + (this.wanted[i] - value) * share * .2);
    this.opening = this.mouth[1];
    this.draw();
  }
  draw() {
    const [width, open, round] = this.mouth, [tilt, height, corner] = this.mood;
    const w = 50 * width / 2, h = 2 + 26 * open, y = 70, bend = 8 * corner, lip = h * (.6 + .4 * round);
    this.box.querySelector(".mouth").setAttribute("d",
      `M${50 - w} ${y - bend} Q50 ${y - lip + bend * .5} ${50 + w} ${y - bend} Q50 ${y + lip + bend} ${50 - w} ${y - bend}Z`);
    const brow = (x, side) => `M${x - 8} ${32 - 6 * height - side * 6 * tilt} L${x + 8} ${32 - 6 * height + side * 6 * tilt}`;
    this.box.querySelector(".brow.l").setAttribute("d", brow(34, 1));
    this.box.querySelector(".brow.r").setAttribute("d", brow(66, -1));
  }
}

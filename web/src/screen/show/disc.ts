/** A piece of the host's, played over and over, at the same place on all screens. */
export class Disc {
  private readonly audio = new Audio();
  private id = '';
  /** How far screens may be apart, s. */
  private static readonly APART = 0.35;

  constructor(
    context: AudioContext,
    out: AudioNode,
    private readonly now: () => number,
  ) {
    this.audio.loop = true;
    this.audio.preload = 'auto';
    context.createMediaElementSource(this.audio).connect(out);
    this.audio.addEventListener('loadedmetadata', () => this.place());
  }

  /** Plays a piece, or nothing. */
  play(id: string): void {
    if (id === this.id) return;
    this.id = id;
    if (id === '') {
      this.audio.pause();
      return;
    }
    this.audio.src = `/api/tracks/${encodeURIComponent(id)}`;
    // The browser may still want somebody's hand: the next press tries again.
    this.audio.play().catch(() => {
      if (this.id === id) this.id = '';
    });
  }

  /** Where the server's clock says that it is. */
  private place(): void {
    const { duration, currentTime } = this.audio;
    if (!Number.isFinite(duration) || duration <= 0) return;
    const at = (this.now() / 1000) % duration;
    if (Math.abs(at - currentTime) > Disc.APART) this.audio.currentTime = at;
  }

  end(): void {
    this.id = '';
    this.audio.pause();
    this.audio.removeAttribute('src');
  }
}

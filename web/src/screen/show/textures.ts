import { type Renderer, TEXTURE } from './gl';
import { type Box, drawNames } from './names';

/** What is drawn into a texture: names, and how. */
interface Lettering {
  as: 'names' | 'heroes';
  names: readonly string[];
  /** Size of the letters, px; smaller when the texture does not hold them. */
  em: number;
  font: string;
}

/** Fills a texture of the stage strip by strip, and shows it when it is whole. Returns what stops it. */
export function fillTexture(
  renderer: Renderer,
  { as, names, em, font }: Lettering,
  done: (boxes: readonly Box[]) => void,
): () => void {
  let boxes: readonly Box[] = [];
  let filling: ReturnType<Renderer['filling']> | null = null;
  let stop = drawNames(
    { names, em, width: TEXTURE, font },
    {
      begin: (made, height) => {
        boxes = made;
        if (height <= TEXTURE) {
          filling = renderer.filling(height);
          return;
        }
        // Long names need more room than was thought.
        stop();
        stop = fillTexture(renderer, { as, names, em: em * 0.8, font }, done);
      },
      strip: (image, top) => filling?.strip(image, top),
      done: () => {
        filling?.show(as);
        done(boxes);
      },
    },
  );
  return () => stop();
}

import { writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

const WIDTH = 640;
const HEIGHT = 480;

/** Makes a film of one picture that Chromium takes for what its camera sees (YUV4MPEG2, grey). */
export async function film(page: Page, png: Buffer, file: string): Promise<void> {
  const grey = await page.evaluate(
    async ([source, width, height]) => {
      const image = new Image();
      image.src = source;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext('2d');
      if (context === null) throw new Error('no canvas');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, width, height);
      const side = height * 0.7;
      context.drawImage(image, (width - side) / 2, (height - side) / 2, side, side);
      const { data } = context.getImageData(0, 0, width, height);
      return Array.from({ length: width * height }, (_, i) => data[i * 4] ?? 0);
    },
    [`data:image/png;base64,${png.toString('base64')}`, WIDTH, HEIGHT] as const,
  );
  const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  const frame = Buffer.concat([Buffer.from('FRAME\n'), Buffer.from(grey), colour]);
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`);
  writeFileSync(file, Buffer.concat([head, frame, frame, frame, frame]));
}

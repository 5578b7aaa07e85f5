const zh = {
  title: '验证',
};

const en: typeof zh = {
  title: 'Verify',
};

export const messages = { zh, en };

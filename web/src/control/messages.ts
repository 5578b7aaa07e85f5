const zh = {
  title: '控制台',
};

const en: typeof zh = {
  title: 'Control',
};

export const messages = { zh, en };

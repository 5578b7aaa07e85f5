const zh = {
  title: '大屏幕',
};

const en: typeof zh = {
  title: 'Hall screen',
};

export const messages = { zh, en };
